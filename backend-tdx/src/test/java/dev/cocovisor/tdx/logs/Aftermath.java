package dev.cocovisor.tdx.logs;

import dev.cocovisor.tdx.logs.Program.State;
import java.util.ArrayList;
import java.util.List;

/** Programs that are no table: what userspace may answer, and what a bugged VM answers. */
final class Aftermath {
  private static final String MAP =
      "guest_tdvmcall(7, {fn=\"MapGPA\", gpa=0x800000400000, size=0x1000}) = 0"
          + " (KVM_EXIT_HYPERCALL, nr=12, args={0x400000, 0x1, 0}, flags=0x1)";

  private Aftermath() {}

  /** Source: tdx_complete_vmcall_map_gpa. */
  static List<RuleTable.Case> answersToMapGpa() {
    String[][] answers = {
      {"0", "0 (KVM_EXIT_HLT, rax=0)"},
      {"11", "0 (KVM_EXIT_HLT, rax=0x1)"},
      {"22", "0 (KVM_EXIT_HLT, rax=0x8000000000000000)"},
      {"1", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"5", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"12", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"-11", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"-22", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"-1", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
      {"0x10000000b", "-1 EINVAL (KVM_EXIT_HYPERCALL)"},
    };
    List<RuleTable.Case> out = new ArrayList<>();
    for (String[] a : answers) {
      List<String> lines = new ArrayList<>(new Program(State.FINALIZED).setUp());
      lines.add(MAP);
      lines.add("guest_resume(7, {ret=" + a[0] + "}) = " + a[1]);
      out.add(new RuleTable.Case("userspace answers " + a[0], lines));
    }
    return out;
  }

  /** Source: TDX_BUG_ON, kvm_vm_bugged; virt/kvm/kvm_main.c, kvm_vm_ioctl, kvm_vcpu_ioctl. */
  static List<RuleTable.Case> aBuggedVm() {
    String[] calls = {
      "ioctl(5, KVM_CREATE_VCPU, 1)",
      "ioctl(5, KVM_CREATE_VCPU, 0)",
      "ioctl(5, KVM_SET_MEMORY_ATTRIBUTES, {address=0, size=0x1000, attributes=0, flags=0})",
      "ioctl(5, KVM_SET_MEMORY_ATTRIBUTES, {address=0, size=0x800, attributes=0, flags=0})",
      "ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x1000, flags=0})",
      "ioctl(5, KVM_ENABLE_CAP, {cap=KVM_CAP_X86_BUS_LOCK_EXIT, args[0]=4})",
      "ioctl(5, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)",
      "ioctl(5, KVM_SET_TSC_KHZ, 1000000)",
      "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_FINALIZE_VM})",
      "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_CAPABILITIES})",
      "ioctl(7, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_INIT_VCPU, data=0})",
      "ioctl(7, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_GET_CPUID, nent=256})",
      "ioctl(7, KVM_PRE_FAULT_MEMORY, {gpa=0, size=0x1000, flags=0})",
    };
    List<RuleTable.Case> out = new ArrayList<>();
    for (String call : calls) {
      List<String> lines = new ArrayList<>(new Program(State.VCPU_CREATED).setUp());
      lines.add(
          "ioctl(5, KVM_MEMORY_ENCRYPT_OP, {id=KVM_TDX_FINALIZE_VM} =>"
              + " {hw_error=0xc000060900000000}) = -1 EIO");
      lines.add(call + " = -1 EIO");
      lines.add("guest_read(7, {gpa=0}) = -1 EIO (KVM_EXIT_UNKNOWN)");
      lines.add("close(7) = 0");
      lines.add("close(5) = 0");
      out.add(new RuleTable.Case("after FINALIZE_VM was refused: " + call, lines));
    }
    return out;
  }

  /** Which descriptor takes which command. Source: tdx_vm_ioctl, tdx_vcpu_ioctl, main.c. */
  static List<RuleTable.Case> commandsElsewhere() {
    String[] ofVcpu = {"KVM_TDX_INIT_VCPU", "KVM_TDX_INIT_MEM_REGION", "KVM_TDX_GET_CPUID"};
    String[] ofVm = {"KVM_TDX_INIT_VM", "KVM_TDX_FINALIZE_VM", "KVM_TDX_CAPABILITIES"};
    List<RuleTable.Case> out = new ArrayList<>();
    for (State s : State.values()) {
      for (String command : ofVcpu) {
        out.add(elsewhere(s, "5", command));
      }
      for (String command : ofVm) {
        if (s.compareTo(State.VCPU_CREATED) >= 0) {
          out.add(elsewhere(s, "7", command));
        }
      }
    }
    return out;
  }

  /** Registers, the APIC's page and the counter. Source: tdx_vcpu_create; regs.c, x86.c. */
  static List<RuleTable.Case> keptFromKvm() {
    String[] kept = {
      "GET_REGS", "SET_REGS", "GET_SREGS", "SET_SREGS", "GET_SREGS2", "SET_SREGS2", "GET_FPU",
      "SET_FPU", "GET_XSAVE", "GET_XSAVE2", "SET_XSAVE", "GET_XCRS", "SET_XCRS", "GET_DEBUGREGS",
      "SET_DEBUGREGS", "SET_GUEST_DEBUG", "GET_LAPIC", "SET_LAPIC"
    };
    List<RuleTable.Case> out = new ArrayList<>();
    for (State s : State.values()) {
      if (s.compareTo(State.VCPU_CREATED) >= 0) {
        List<String> lines = new ArrayList<>(new Program(s).setUp());
        for (String call : kept) {
          lines.add("ioctl(7, KVM_" + call + ") = -1 EINVAL");
        }
        lines.add("ioctl(7, KVM_SET_TSC_KHZ, 1000000) = -1 EINVAL");
        lines.add("ioctl(7, KVM_SMI, 0) = -1 ENOTTY");
        out.add(new RuleTable.Case("what is kept from KVM, " + s, lines));
      }
    }
    return out;
  }

  private static RuleTable.Case elsewhere(State s, String fd, String command) {
    List<String> lines = new ArrayList<>(new Program(s).setUp());
    lines.add("ioctl(" + fd + ", KVM_MEMORY_ENCRYPT_OP, {id=" + command + "}) = -1 EINVAL");
    return new RuleTable.Case(command + " on the other descriptor, " + s, lines);
  }
}
