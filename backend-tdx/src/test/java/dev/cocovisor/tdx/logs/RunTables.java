package dev.cocovisor.tdx.logs;

import dev.cocovisor.tdx.logs.Program.State;
import java.util.List;
import java.util.function.Consumer;

/** What is checked when a TD is pre-populated, runs, or asks its host for something. */
final class RunTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String TDX = "Linux 7.3, arch/x86/kvm/vmx/tdx.c, ";
  private static final String INVALID = halted("0x8000000000000000");

  private RunTables() {}

  private static String halted(String value) {
    return "0 (KVM_EXIT_HLT, value=" + value + ")";
  }

  private static Rule field(String what, String name, String value, String answer) {
    return new Rule(what, name, answer, p -> p.field(name, value));
  }

  private static Rule rule(String what, String about, String answer, Consumer<Program> breaks) {
    return new Rule(what, about, answer, breaks);
  }

  static RuleTable preFault() {
    return new RuleTable(
        "Linux 7.3, virt/kvm/kvm_main.c, kvm_vcpu_pre_fault_memory; arch/x86/kvm/mmu/mmu.c,"
            + " kvm_arch_vcpu_pre_fault_memory, kvm_mmu_faultin_pfn",
        () ->
            new Program(State.FINALIZED)
                .field("gpa", "0x5000")
                .field("size", "0x1000")
                .field("flags", "0"),
        p -> "0",
        p -> "ioctl(7, KVM_PRE_FAULT_MEMORY, " + p.structure("") + ")",
        List.of(
            field("flags are set", "flags", "1", EINVAL),
            field("gpa is not aligned", "gpa", "0x5800", EINVAL),
            field("size is 0", "size", "0", EINVAL),
            field("size leads around", "size", "0xfffffffffffff000", EINVAL),
            rule(
                "the TD is not finalized",
                "state",
                "-1 EOPNOTSUPP",
                p -> p.state = State.VCPU_INITIALIZED),
            field("gpa has the shared bit", "gpa", "0x800000005000", EINVAL),
            rule("there is no slot", "slot", "-1 EFAULT", p -> p.hasSlot = false),
            rule("the slot has no guest_memfd", "slot", "-1 EFAULT", p -> p.slotHasFile = false)));
  }

  /** MapGPA's checks of its range. */
  static RuleTable mapGpa() {
    return new RuleTable(
        TDX + "tdx_map_gpa",
        () -> new Program(State.FINALIZED).field("gpa", "0x800000400000").field("size", "0x3000"),
        p -> "0 (KVM_EXIT_HYPERCALL, nr=12, args={0x400000, 0x3, 0}, flags=0x1)",
        p -> "guest_tdvmcall(7, " + p.structure("fn=\"MapGPA\"") + ")",
        List.of(
            rule(
                "MapGPA does not leave to userspace",
                "cap",
                halted("0x8000000000000003"),
                p -> p.exitsOnHypercall = false),
            field("the size is 0", "size", "0", INVALID),
            field("the range leads around", "size", "0xffffffffffffffff", INVALID),
            field("the range is no address of the guest", "gpa", "0x1000000000000", INVALID),
            field("the range begins private and ends shared", "gpa", "0x7fffffffe000", INVALID),
            field(
                "the address is not aligned",
                "gpa",
                "0x800000400800",
                halted("0x8000000000000002")),
            field("the size is not aligned", "size", "0x2800", halted("0x8000000000000002"))));
  }

  static RuleTable mmio() {
    return new RuleTable(
        TDX + "tdx_emulate_mmio",
        () ->
            new Program(State.FINALIZED)
                .field("r12", "8")
                .field("r13", "0")
                .field("r14", "0x8000c0000000"),
        p -> "0 (KVM_EXIT_MMIO, phys_addr=0xc0000000, len=8, is_write=0)",
        p -> "guest_tdvmcall(7, " + p.structure("fn=48") + ")",
        List.of(
            field("a size of 16", "r12", "16", INVALID),
            field("neither read nor write", "r13", "2", INVALID),
            field("a private address", "r14", "0xc0000000", INVALID),
            field("an access from shared to private", "r14", "0xfffffffffffc", INVALID)));
  }

  static RuleTable run() {
    return new RuleTable(
        "Linux 7.3, arch/x86/kvm/x86.c, kvm_x86_vcpu_pre_run; vmx/tdx.c,"
            + " tdx_vcpu_needs_initialization",
        () -> new Program(State.FINALIZED),
        p -> "-1 EFAULT (KVM_EXIT_MEMORY_FAULT, flags=0, gpa=0, size=0x1000)",
        p -> "guest_read(7, {gpa=0x800000000000})",
        List.of(
            rule("the vCPU is not initialized", "state", EINVAL, p -> p.state = State.VCPU_CREATED),
            rule(
                "the TD is not finalized",
                "state",
                EINVAL,
                p -> p.state = State.VCPU_INITIALIZED)));
  }

  /** A vCPU that is not the one to boot, where KVM has the local APICs: it sleeps first. */
  static RuleTable runOther() {
    String init = "ioctl(9, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_INIT_VCPU, data=0}) = 0";
    String end = "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_FINALIZE_VM}) = 0";
    return new RuleTable(
        "Linux 7.3, arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl_run, kvm_arch_vcpu_create; vmx/tdx.c,"
            + " tdx_vcpu_needs_initialization",
        () -> {
          Program p = new Program(State.VCPU_INITIALIZED);
          p.early.add(Program.SPLIT_IRQCHIP);
          p.before.addAll(List.of("ioctl(5, KVM_CREATE_VCPU, 1) = 9", init, end));
          return p;
        },
        p -> "-1 EFAULT (KVM_EXIT_MEMORY_FAULT, flags=0, gpa=0, size=0x1000)",
        p -> "guest_read(9, {gpa=0x800000000000})",
        List.of(
            rule(
                "the vCPU is not initialized",
                "vcpu",
                "-1 EINTR (KVM_EXIT_INTR)",
                p -> p.before.remove(init)),
            rule("the TD is not finalized", "state", EINVAL, p -> p.before.remove(end))));
  }
}
