package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.VmType;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmCapabilities;
import dev.cocovisor.core.vm.VmSettings;
import org.jspecify.annotations.Nullable;

/**
 * KVM_CHECK_EXTENSION. Sources: {@code virt/kvm/kvm_main.c}, kvm_vm_ioctl_check_extension_generic;
 * {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_check_extension.
 */
final class Extensions {
  private static final int NR_MEMSLOTS = 32767 - 3;

  /** KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  private static final long PRIVATE = 8;

  private Extensions() {}

  /** The flags of KVM_CREATE_GUEST_MEMFD; on /dev/kvm those of a VM without private memory. */
  static long gmemFlags(Kvm kvm, @Nullable Vm vm) {
    return kvm.kernel().on(KernelRules.GMEM_FLAGS).of(vm != null && vm.traits().hasPrivateMemory());
  }

  /** KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES. */
  static long fileAttributes(Kvm kvm, @Nullable Vm vm) {
    boolean mayBePrivate = vm == null || vm.traits().hasPrivateMemory();
    return mayBePrivate && keeps(kvm, PageAttributes.OF_THE_FILE) ? PRIVATE : 0;
  }

  private static long smm(Kvm kvm) {
    return kvm.kernel().on(KernelRules.SMM) ? 1 : 0;
  }

  static long check(Kvm kvm, @Nullable Vm vm, long cap) {
    boolean x86 = kvm.architecture().equals(Architecture.X86_64);
    boolean mayBePrivate = vm == null || vm.traits().hasPrivateMemory();
    Capability known = cap < 0 || cap > Integer.MAX_VALUE ? null : Capability.of((int) cap);
    if (known != null && kvm.architecture().equals(Architecture.ARM64)) {
      long answer = ArmExtensions.answer(kvm, vm, known);
      if (answer != 0) {
        return answer;
      }
    } else if (known != null) {
      switch (known) {
        case KVM_CAP_USER_MEMORY,
            KVM_CAP_SYNC_MMU,
            KVM_CAP_USER_MEMORY2,
            KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
            KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
            KVM_CAP_ENABLE_CAP_VM,
            KVM_CAP_CHECK_EXTENSION_VM,
            KVM_CAP_MEMORY_FAULT_INFO -> {
          return 1;
        }
        case KVM_CAP_READONLY_MEM -> {
          return vm == null || vm.traits().readonlySlots() ? 1 : 0;
        }
        case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 -> {
          // KVM_DIRTY_LOG_MANUAL_CAPS: manual protection, and every page dirty at first.
          return 3;
        }
        case KVM_CAP_DISABLE_QUIRKS -> {
          return x86 ? 1 : 0;
        }
        case KVM_CAP_DISABLE_QUIRKS2 -> {
          return x86 ? VmCapabilities.quirks(kvm.config().tdpMmu()) : 0;
        }
        case KVM_CAP_NR_VCPUS -> {
          return kvm.cpus();
        }
        case KVM_CAP_NR_MEMSLOTS -> {
          return NR_MEMSLOTS;
        }
        case KVM_CAP_MAX_VCPUS -> {
          return vm == null ? kvm.number(CoreSettings.MAX_VCPUS) : vm.maxVcpus();
        }
        case KVM_CAP_MAX_VCPU_ID -> {
          return kvm.number(CoreSettings.MAX_VCPU_IDS);
        }
        case KVM_CAP_MULTI_ADDRESS_SPACE -> {
          return x86 && (vm == null || !vm.traits().hasPrivateMemory()) ? 1 + smm(kvm) : 1;
        }
        case KVM_CAP_EXIT_HYPERCALL -> {
          return x86 ? VmSettings.EXIT_HYPERCALL_VALID : 0;
        }
        case KVM_CAP_MEMORY_ATTRIBUTES -> {
          // Asked of /dev/kvm, it is what the kernel was built with.
          return x86 && mayBePrivate && keeps(kvm, PageAttributes.OF_THE_VM) ? PRIVATE : 0;
        }
        case KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES -> {
          return fileAttributes(kvm, vm);
        }
        case KVM_CAP_X86_SMM -> {
          return x86 && (vm == null || vm.ops().emulatesSmm()) ? smm(kvm) : 0;
        }
        case KVM_CAP_GUEST_MEMFD -> {
          return kvm.kernel().on(KernelRules.GMEM_USERS).mayBind(mayBePrivate) ? 1 : 0;
        }
        case KVM_CAP_GUEST_MEMFD_FLAGS -> {
          return gmemFlags(kvm, vm);
        }
        case KVM_CAP_PRE_FAULT_MEMORY -> {
          return x86 && kvm.config().tdpMmu() ? 1 : 0;
        }
        case KVM_CAP_X86_GUEST_MODE -> {
          return x86 ? 1 : 0;
        }
        case KVM_CAP_VM_TYPES -> {
          return x86 ? vmTypes(kvm) : 0;
        }
        default -> {}
      }
    }
    if (known != null && x86) {
      long fixed = X86Extensions.answer(known, vm);
      if (fixed != 0) {
        return fixed;
      }
    }
    for (Backend b : kvm.backends()) {
      Integer v = b.info().capabilities().get((int) cap);
      if (v != null && b.info().architecture().equals(kvm.architecture())) {
        return v;
      }
    }
    return 0;
  }

  /** Tells whether attributes are kept by the VM, or by the file. */
  private static boolean keeps(Kvm kvm, PageAttributes owner) {
    boolean known =
        owner == PageAttributes.OF_THE_FILE || kvm.kernel().on(KernelRules.VM_ATTRIBUTES);
    return known && kvm.kernel().on(KernelRules.ATTRIBUTES) == owner;
  }

  private static long vmTypes(Kvm kvm) {
    long mask = 0;
    for (VmType t : kvm.builtInTypes()) {
      mask |= 1L << t.number();
    }
    for (Backend b : kvm.backends()) {
      for (VmType t : b.info().vmTypes()) {
        if (t.architecture().equals(Architecture.X86_64)) {
          mask |= 1L << t.number();
        }
      }
    }
    return mask;
  }
}
