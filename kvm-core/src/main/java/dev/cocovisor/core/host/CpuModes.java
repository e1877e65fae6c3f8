package dev.cocovisor.core.host;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.vm.Vcpu;

/**
 * The ioctls that put an x86 vCPU into a mode in which it sees other memory: SMM, and the guest of
 * a guest.
 *
 * <p>Of the state they carry only the mode is kept. The host is AMD's, as the recorded one: nested
 * state is SVM's, and its control block is taken to be valid and to page with nested tables.
 * Sources (7.3): {@code arch/x86/kvm/x86.c}, kvm_vcpu_ioctl_x86_set_vcpu_events,
 * KVM_SET_NESTED_STATE; {@code smm.h}, kvm_inject_smi; {@code svm/nested.c}, svm_set_nested_state.
 */
final class CpuModes {
  private static final long VALID_SMM = 8;
  private static final long VALID_PAYLOAD = 0x10;
  private static final long VALID_TRIPLE_FAULT = 0x20;
  private static final long EVENTS = 0x3f;

  private static final long GUEST_MODE = 1;
  private static final long RUN_PENDING = 2;
  private static final long NESTED = 0x10f;
  private static final long GIF = 0x100;
  private static final long FORMAT_SVM = 1;
  private static final long HEADER = 128;
  private static final long VMCB = 0x1000;
  private static final long EFER_SVME = 1 << 12;

  private CpuModes() {}

  static boolean knows(String ioctl) {
    return switch (ioctl) {
      case "KVM_SMI",
          "KVM_SET_VCPU_EVENTS",
          "KVM_SET_NESTED_STATE",
          "KVM_SET_SREGS",
          "KVM_SET_SREGS2" ->
          true;
      default -> false;
    };
  }

  /** Answers one of these; the caller holds the vCPU's mutex. */
  static long answer(Kvm kvm, Vcpu vcpu, VendorCommand command) {
    Errno r =
        switch (command.name()) {
          case "KVM_SMI" -> smi(kvm, vcpu);
          case "KVM_SET_VCPU_EVENTS" -> events(kvm, vcpu, command.in());
          case "KVM_SET_NESTED_STATE" -> nested(kvm, vcpu, command.in());
          default -> {
            vcpu.setSvmEnabled((number(command.in(), "efer") & EFER_SVME) != 0);
            yield Errno.OK;
          }
        };
    return -r.number();
  }

  /** kvm_inject_smi: nobody emulates SMBASE where the vendor does not (TDX, SEV-ES and SNP). */
  private static Errno smi(Kvm kvm, Vcpu vcpu) {
    if (!kvm.kernel().on(KernelRules.SMM) || !vcpu.machine().ops().emulatesSmm()) {
      return kvm.trace().refuse(Errno.ENOTTY, "no system management mode in this VM");
    }
    vcpu.smm().pend(true);
    return Errno.OK;
  }

  private static Errno events(Kvm kvm, Vcpu vcpu, Fields in) {
    long flags = number(in, "flags");
    if ((flags & ~EVENTS) != 0
        || ((flags & VALID_PAYLOAD) != 0
            && !vcpu.machine().devices().isEnabled(Capability.KVM_CAP_EXCEPTION_PAYLOAD))) {
      return kvm.trace().refuse(Errno.EINVAL, "flags that the VM does not know");
    }
    if ((flags & VALID_SMM) != 0) {
      Fields smi = part(in, "smi");
      boolean smm = number(smi, "smm") != 0;
      boolean pending = number(smi, "pending") != 0;
      if (!kvm.kernel().on(KernelRules.SMM)) {
        return smm || pending || number(smi, "smm_inside_nmi") != 0
            ? kvm.trace().refuse(Errno.EINVAL, "the kernel has no SMM")
            : Errno.OK;
      }
      if (smm != vcpu.inSmm()) {
        vcpu.setGuestMode(false);
        vcpu.setSmm(smm);
      }
      vcpu.smm().pend(pending);
    }
    return (flags & VALID_TRIPLE_FAULT) != 0
            && !vcpu.machine().devices().isEnabled(Capability.KVM_CAP_X86_TRIPLE_FAULT_EVENT)
        ? kvm.trace().refuse(Errno.EINVAL, "KVM_CAP_X86_TRIPLE_FAULT_EVENT is not enabled")
        : Errno.OK;
  }

  private static Errno nested(Kvm kvm, Vcpu vcpu, Fields in) {
    long flags = number(in, "flags");
    long size = number(in, "size");
    boolean guest = (flags & GUEST_MODE) != 0;
    String wrong = null;
    if (size < HEADER || (flags & ~NESTED) != 0 || ((flags & RUN_PENDING) != 0 && !guest)) {
      wrong = "size or flags that nested state cannot have";
    } else if (number(in, "format") != FORMAT_SVM
        || (flags & ~(GUEST_MODE | RUN_PENDING | GIF)) != 0) {
      wrong = "the host's nested state is SVM's";
    } else if (!vcpu.isSvmEnabled() && flags != 0 && flags != GIF) {
      wrong = "EFER.SVME is clear: KVM_SET_SREGS comes first";
    } else if (vcpu.inSmm() && guest) {
      wrong = "the vCPU is in SMM";
    } else if (guest && size < HEADER + VMCB) {
      wrong = "no room for the control block";
    } else if (guest && (number(part(part(in, "hdr"), "svm"), "vmcb_pa") & (VMCB - 1)) != 0) {
      wrong = "the control block is not page aligned";
    }
    if (wrong != null) {
      return kvm.trace().refuse(Errno.EINVAL, wrong);
    }
    vcpu.setGuestMode(guest);
    return Errno.OK;
  }

  /** Words that are no numbers, as strace's names of bits, say nothing here. */
  private static long number(Fields in, String name) {
    return in.asMap().get(name) instanceof Long n ? n : 0;
  }

  private static Fields part(Fields in, String name) {
    return in.asMap().get(name) instanceof Fields f ? f : new Fields();
  }
}
