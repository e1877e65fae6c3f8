package dev.cocovisor.tdx.logs;

import dev.cocovisor.tdx.logs.Program.State;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The KVM_TDX_* commands' checks. */
final class CommandTables {
  private static final String EINVAL = "-1 EINVAL";
  private static final String EFAULT = "-1 EFAULT";
  private static final String VM_FIELDS = "attributes xfam cpuid reserved padding";
  private static final String REGION_FIELDS = "source_addr gpa nr_pages";
  private static final String TDX = "Linux 7.3, arch/x86/kvm/vmx/tdx.c, ";

  private CommandTables() {}

  private static Rule field(String what, String name, String value, String answer) {
    return new Rule(what, name, answer, p -> p.field(name, value));
  }

  private static Rule rule(String what, String about, String answer, Consumer<Program> breaks) {
    return new Rule(what, about, answer, breaks);
  }

  /** There is no command to read, so none of its fields can be wrong either. */
  private static Rule noCommand(String fields) {
    return rule(
        "there is no command",
        "hw_error flags data " + fields,
        EFAULT,
        p -> p.hasStructure = false);
  }

  /** The structure cannot be read, so none of its fields can be wrong either. */
  private static Rule noData(String content) {
    return rule(
        "data points to no memory",
        "data " + content,
        EFAULT,
        p -> p.nowhere(List.of(content.split(" "))));
  }

  private static String leaf(String more) {
    return "[{function=0x80000008, eax=0x300000}" + more + "]";
  }

  static RuleTable initVm() {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      many.add("{function=0x" + Integer.toHexString(0x1000 + i) + "}");
    }
    return new RuleTable(
        TDX + "tdx_get_cmd, tdx_td_init, setup_tdparams, setup_tdparams_cpuids, __tdx_td_init",
        () ->
            new Program(State.CREATED)
                .field("attributes", "0")
                .field("xfam", "0x3")
                .field("cpuid", leaf("")),
        p -> "0",
        p -> "ioctl(5, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_INIT_VM") + ")",
        List.of(
            noCommand(VM_FIELDS),
            field("hw_error is set", "hw_error", "1", EINVAL),
            rule("the TD is initialized", "state", EINVAL, p -> p.state = State.INITIALIZED),
            field("flags are set", "flags", "1", EINVAL),
            noData(VM_FIELDS),
            field(
                "257 CPUID entries",
                "cpuid",
                "[{function=0x80000008, eax=0x300000}, " + String.join(", ", many) + "]",
                "-1 E2BIG"),
            field("a reserved byte is set", "reserved", "1", EINVAL),
            field("the padding is set", "padding", "1", EINVAL),
            field("an unknown attribute", "attributes", "0x4", EINVAL),
            field("an unknown extended feature", "xfam", "0x80000003", EINVAL),
            field("no address width", "cpuid", "[]", EINVAL),
            field(
                "an address width of 46", "cpuid", "[{function=0x80000008, eax=0x2e0000}]", EINVAL),
            field("TSX", "cpuid", leaf(", {function=7, ebx=0x800}"), EINVAL),
            field("WAITPKG", "cpuid", leaf(", {function=7, ecx=0x20}"), EINVAL),
            field(
                "a leaf that is no leaf of the module's",
                "cpuid",
                leaf(", {function=0x16}"),
                EINVAL),
            field("a leaf given twice", "cpuid", leaf(", {function=1}, {function=1}"), EINVAL),
            field("one entry for four sub-leaves", "cpuid", leaf(", {function=4}"), EINVAL),
            rule(
                "HKIDs are used up",
                "state",
                "-1 ENOSPC",
                p -> {
                  p.settings.add("tdx.hkids=1");
                  p.before.add("ioctl(3, KVM_CREATE_VM, KVM_X86_TDX_VM) = 20");
                  p.before.add(Program.initVm().replace("ioctl(5", "ioctl(20") + " = 0");
                }),
            field(
                "a bit the module refuses", "cpuid", leaf(", {function=0x1c, eax=0x100}"), EINVAL),
            frequency("a frequency below 100 MHz", "75000"),
            frequency("a frequency above 10 GHz", "10025000")));
  }

  /** What KVM takes and the module refuses. */
  private static Rule frequency(String what, String khz) {
    return rule(
        what, "tsc", EINVAL, p -> p.before.add("ioctl(5, KVM_SET_TSC_KHZ, " + khz + ") = 0"));
  }

  static RuleTable initVcpu() {
    return new RuleTable(
        TDX + "tdx_vcpu_unlocked_ioctl, tdx_vcpu_init; lapic.c, kvm_apic_set_base",
        () -> new Program(State.VCPU_CREATED).field("data", "0"),
        p -> "0",
        p -> "ioctl(7, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_INIT_VCPU") + ")",
        List.of(
            noCommand(""),
            field("hw_error is set", "hw_error", "1", EINVAL),
            rule("the TD is finalized", "state", EINVAL, p -> p.state = State.FINALIZED),
            field("flags are set", "flags", "1", EINVAL),
            rule("the vCPU is initialized", "state", EINVAL, p -> p.state = State.VCPU_INITIALIZED),
            rule(
                "the vCPU's CPUID has no X2APIC",
                "cpuid",
                EINVAL,
                p ->
                    p.before.add(
                        "ioctl(7, KVM_SET_CPUID2, {nent=1, entries=[{function=1, index=0, flags=0,"
                            + " eax=0x806f8, ebx=0, ecx=0, edx=0}]}) = 0"))));
  }

  static RuleTable capabilities() {
    return new RuleTable(
        TDX + "tdx_get_cmd, tdx_get_capabilities",
        () -> new Program(State.CREATED).field("nent", "12"),
        p -> "0",
        p -> "ioctl(5, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_CAPABILITIES") + ")",
        List.of(
            noCommand("nent"),
            field("hw_error is set", "hw_error", "1", EINVAL),
            field("flags are set", "flags", "1", EINVAL),
            noData("nent"),
            field("no room for the CPUID leaves", "nent", "11", "-1 E2BIG")));
  }

  private static String region(Program p) {
    return "ioctl(7, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_INIT_MEM_REGION") + ")";
  }

  /** The parts of the command that says no before it looks at the region's pages. */
  static RuleTable memRegion() {
    List<Rule> rules = new ArrayList<>(regionArguments());
    rules.addAll(
        List.of(
            rule("there is no slot", "slot", EINVAL, p -> p.hasSlot = false),
            rule("the slot has no guest_memfd", "slot", EINVAL, p -> p.slotHasFile = false),
            rule(
                "the slot's guest_memfd is closed",
                "slot",
                EFAULT,
                p -> p.before.add("close(8) = 0")),
            field("the source is not mapped", "source_addr", "0x6000000000", EFAULT),
            protection("the source is mapped and cannot be read", "PROT_NONE", EFAULT),
            rule(
                "the page is shared",
                "attribute",
                EINVAL,
                p ->
                    p.before.add(
                        "ioctl(5, KVM_SET_MEMORY_ATTRIBUTES, {address=0, size=0x1000000,"
                            + " attributes=0, flags=0}) = 0")),
            rule(
                "the page is added already",
                "slot state attribute",
                "-1 EIO",
                p ->
                    p.before.addFirst(
                        "ioctl(7, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_INIT_MEM_REGION, flags=0,"
                            + " source_addr="
                            + Program.USER
                            + ", gpa=0x3000, nr_pages=1}) = 0")),
            protection("the source can only be read, which is no fault", "PROT_READ", "0")));
    return new RuleTable(
        TDX
            + "tdx_vcpu_unlocked_ioctl, tdx_vcpu_init_mem_region; virt/kvm/guest_memfd.c,"
            + " kvm_gmem_populate; arch/x86/kvm/mmu/mmu.c, kvm_tdp_mmu_map_private_pfn",
        () ->
            new Program(State.VCPU_INITIALIZED)
                .field("flags", "1")
                .field("source_addr", Program.USER)
                .field("gpa", "0x3000")
                .field("nr_pages", "1"),
        p -> "0",
        CommandTables::region,
        rules);
  }

  private static Rule protection(String what, String prot, String answer) {
    return rule(
        what,
        "source_addr",
        answer,
        p -> p.before.add("mprotect(" + Program.USER + ", 0x1000, " + prot + ") = 0"));
  }

  private static List<Rule> regionArguments() {
    return List.of(
        noCommand(REGION_FIELDS),
        field("hw_error is set", "hw_error", "1", EINVAL),
        rule("the TD is finalized", "state", EINVAL, p -> p.state = State.FINALIZED),
        rule("the vCPU is not initialized", "state", EINVAL, p -> p.state = State.VCPU_CREATED),
        field("an unknown flag", "flags", "2", EINVAL),
        noData(REGION_FIELDS),
        field("source_addr is 0", "source_addr", "0", EINVAL),
        field("source_addr is not aligned", "source_addr", "0x7f1000000800", EINVAL),
        field("gpa is not aligned", "gpa", "0x3800", EINVAL),
        field("nr_pages is 0", "nr_pages", "0", EINVAL),
        field("nr_pages leads around", "nr_pages", "0x10000000000000", EINVAL),
        field("gpa is shared", "gpa", "0x800000003000", EINVAL));
  }

  static RuleTable finalizeVm() {
    return new RuleTable(
        TDX + "tdx_get_cmd, tdx_td_finalize",
        () -> new Program(State.VCPU_INITIALIZED),
        p -> "0",
        p -> "ioctl(5, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_FINALIZE_VM") + ")",
        List.of(
            noCommand(""),
            field("hw_error is set", "hw_error", "1", EINVAL),
            rule("the TD is not initialized", "state", EINVAL, p -> p.state = State.CREATED),
            rule("the TD is finalized", "state", EINVAL, p -> p.state = State.FINALIZED),
            rule(
                "the TD has no initialized vCPU",
                "state",
                "-1 EIO",
                p -> p.state = State.VCPU_CREATED),
            field("flags are set, which is no fault", "flags", "7", "0"),
            field("data points to no memory, which is no fault", "data", "0", "0")));
  }

  static RuleTable getCpuid() {
    return new RuleTable(
        TDX + "tdx_vcpu_unlocked_ioctl, tdx_vcpu_ioctl, tdx_vcpu_get_cpuid",
        () -> new Program(State.VCPU_CREATED).field("nent", "256"),
        p -> "0",
        p -> "ioctl(7, KVM_MEMORY_ENCRYPT_OP, " + p.structure("id=KVM_TDX_GET_CPUID") + ")",
        List.of(
            noCommand("nent"),
            field("hw_error is set", "hw_error", "1", EINVAL),
            rule("the TD is finalized", "state", EINVAL, p -> p.state = State.FINALIZED),
            noData("nent"),
            field("no room", "nent", "0", "-1 E2BIG"),
            field("flags are set, which is no fault", "flags", "1", "0")));
  }

  static RuleTable createVcpu() {
    return new RuleTable(
        "Linux 7.3, virt/kvm/kvm_main.c, kvm_vm_ioctl_create_vcpu; arch/x86/kvm/x86.c,"
            + " kvm_arch_vcpu_precreate; vmx/tdx.c, tdx_vcpu_create",
        () -> new Program(State.VCPU_CREATED).field("id", "1"),
        p -> "9",
        p -> "ioctl(5, KVM_CREATE_VCPU, " + p.fields.get("id") + ")",
        List.of(
            field("the id is too large", "id", "0x10000", EINVAL),
            rule(
                "there are as many vCPUs as there can be",
                "full full1",
                EINVAL,
                p -> p.settings.add("tdx.max-vcpus=1")),
            rule(
                "there is such a vCPU",
                "id present present1",
                "-1 EEXIST",
                p -> p.field("id", "0")),
            rule(
                "KVM_CAP_MAX_VCPU_ID set a lower limit",
                "id",
                EINVAL,
                p ->
                    p.early.add(
                        "ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_MAX_VCPU_ID, args[0]=1}) = 0")),
            rule("the TD is finalized", "state vcpus", "-1 EIO", p -> p.state = State.FINALIZED),
            rule(
                "the TD is not initialized",
                "state present full",
                "-1 EIO",
                p -> p.state = State.CREATED),
            rule(
                "the local APICs are not KVM's",
                "vcpus present1 full1",
                EINVAL,
                p -> {
                  p.settings.add("tdx.split-irqchip=true");
                  p.state = p.reached(State.INITIALIZED) ? State.INITIALIZED : p.state;
                })));
  }
}
