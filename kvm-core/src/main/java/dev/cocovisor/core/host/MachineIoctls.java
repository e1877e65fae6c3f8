package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.Vm;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The ioctls that every VMM makes and that have no part in guest memory: versions and sizes, the
 * interrupt controllers, the state of CPUs.
 *
 * <p>Where success hangs on what the VM is or has, the answer is Linux's. The state of CPUs is not
 * modelled: such a call succeeds on the right kind of descriptor and its result means nothing,
 * which {@link #ofCpu} tells; but for the modes of {@link CpuModes}. Sources: {@code
 * virt/kvm/kvm_main.c}, kvm_dev_ioctl; {@code arch/x86/kvm/x86.c}, kvm_arch_dev_ioctl,
 * kvm_arch_vm_ioctl, kvm_arch_vcpu_ioctl; {@code arch/arm64/kvm/arm.c}; of Linux 7.3.
 */
public final class MachineIoctls {
  /** No ioctl of these, or of another kind of descriptor. */
  static final long UNKNOWN = Long.MIN_VALUE;

  private static final long API_VERSION = 12;
  private static final long PAGE = 4096;

  /** Three pages below 4 GiB, for a task state segment. */
  private static final long TSS_LIMIT = 0xffffffffL & (-3 * PAGE);

  private static final Set<String> DEVICE =
      Set.of(
          "KVM_GET_SUPPORTED_CPUID",
          "KVM_GET_EMULATED_CPUID",
          "KVM_GET_SUPPORTED_HV_CPUID",
          "KVM_GET_MSR_INDEX_LIST",
          "KVM_GET_MSR_FEATURE_INDEX_LIST",
          "KVM_X86_GET_MCE_CAP_SUPPORTED",
          "KVM_GET_MSRS",
          "KVM_GET_DEVICE_ATTR",
          "KVM_HAS_DEVICE_ATTR");

  private static final Set<String> VM =
      Set.of(
          "KVM_IOEVENTFD",
          "KVM_REGISTER_COALESCED_MMIO",
          "KVM_UNREGISTER_COALESCED_MMIO",
          "KVM_CREATE_DEVICE",
          "KVM_GET_CLOCK",
          "KVM_SET_CLOCK",
          "KVM_REINJECT_CONTROL",
          "KVM_X86_SET_MSR_FILTER",
          "KVM_SET_PMU_EVENT_FILTER",
          "KVM_SET_TSC_KHZ",
          "KVM_GET_TSC_KHZ",
          "KVM_SET_BOOT_CPU_ID",
          "KVM_HYPERV_EVENTFD",
          "KVM_GET_DEVICE_ATTR",
          "KVM_SET_DEVICE_ATTR",
          "KVM_HAS_DEVICE_ATTR",
          "KVM_ARM_PREFERRED_TARGET",
          "KVM_ARM_SET_DEVICE_ADDR");

  /** Of a VM, with an interrupt controller in the kernel. */
  private static final Set<String> IRQCHIP =
      Set.of(
          "KVM_IRQ_LINE",
          "KVM_IRQ_LINE_STATUS",
          "KVM_GET_IRQCHIP",
          "KVM_SET_IRQCHIP",
          "KVM_SIGNAL_MSI",
          "KVM_IRQFD",
          "KVM_SET_GSI_ROUTING");

  private static final Set<String> PIT =
      Set.of("KVM_GET_PIT", "KVM_SET_PIT", "KVM_GET_PIT2", "KVM_SET_PIT2");

  private static final Set<String> VCPU =
      Set.of(
          "KVM_GET_REGS",
          "KVM_SET_REGS",
          "KVM_GET_SREGS",
          "KVM_SET_SREGS",
          "KVM_GET_SREGS2",
          "KVM_SET_SREGS2",
          "KVM_GET_FPU",
          "KVM_SET_FPU",
          "KVM_GET_LAPIC",
          "KVM_SET_LAPIC",
          "KVM_GET_MSRS",
          "KVM_SET_MSRS",
          "KVM_SET_CPUID",
          "KVM_SET_CPUID2",
          "KVM_GET_CPUID2",
          "KVM_GET_SUPPORTED_HV_CPUID",
          "KVM_GET_XSAVE",
          "KVM_GET_XSAVE2",
          "KVM_SET_XSAVE",
          "KVM_GET_XCRS",
          "KVM_SET_XCRS",
          "KVM_GET_DEBUGREGS",
          "KVM_SET_DEBUGREGS",
          "KVM_GET_MP_STATE",
          "KVM_SET_MP_STATE",
          "KVM_GET_VCPU_EVENTS",
          "KVM_SET_VCPU_EVENTS",
          "KVM_GET_NESTED_STATE",
          "KVM_SET_NESTED_STATE",
          "KVM_GET_TSC_KHZ",
          "KVM_SET_TSC_KHZ",
          "KVM_INTERRUPT",
          "KVM_NMI",
          "KVM_SMI",
          "KVM_SET_SIGNAL_MASK",
          "KVM_SET_GUEST_DEBUG",
          "KVM_TPR_ACCESS_REPORTING",
          "KVM_SET_VAPIC_ADDR",
          "KVM_X86_SETUP_MCE",
          "KVM_X86_SET_MCE",
          "KVM_KVMCLOCK_CTRL",
          "KVM_TRANSLATE",
          "KVM_ENABLE_CAP",
          "KVM_GET_ONE_REG",
          "KVM_SET_ONE_REG",
          "KVM_GET_REG_LIST",
          "KVM_ARM_VCPU_FINALIZE",
          "KVM_GET_DEVICE_ATTR",
          "KVM_SET_DEVICE_ATTR",
          "KVM_HAS_DEVICE_ATTR");

  /** What is arm64's alone; everything else here that x86 lacks it shares. */
  private static final Set<String> ARM64 =
      Set.of(
          "KVM_ARM_PREFERRED_TARGET",
          "KVM_ARM_SET_DEVICE_ADDR",
          "KVM_GET_ONE_REG",
          "KVM_SET_ONE_REG",
          "KVM_GET_REG_LIST",
          "KVM_ARM_VCPU_FINALIZE");

  private MachineIoctls() {}

  /**
   * Tells whether an ioctl reads or sets what a CPU, an interrupt controller or a device holds: its
   * result is the machine's, and the model has no opinion on it.
   */
  public static boolean ofCpu(String name) {
    return DEVICE.contains(name)
        || VM.contains(name)
        || IRQCHIP.contains(name)
        || PIT.contains(name)
        || VCPU.contains(name);
  }

  /**
   * Answers an ioctl; {@link #UNKNOWN} where it is none of these or the descriptor is of another
   * kind.
   */
  static long answer(Kvm kvm, @Nullable Object file, VendorCommand command) {
    String name = command.name();
    boolean x86 = kvm.architecture().equals(Architecture.X86_64);
    if (ARM64.contains(name) && x86) {
      return UNKNOWN;
    }
    return switch (file) {
      case Object dev when dev == Descriptors.DEV_KVM -> device(name, command, x86);
      case Vm vm ->
          x86 || name.equals("KVM_RESET_DIRTY_RINGS") ? ofVm(vm, name, command) : plain(VM, name);
      case VcpuFile f -> x86 ? f.vcpu().locked(() -> ofVcpu(kvm, f, command)) : plain(VCPU, name);
      case null, default -> UNKNOWN;
    };
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  private static long plain(Set<String> known, String name) {
    return known.contains(name) ? 0 : UNKNOWN;
  }

  private static long argument(VendorCommand command) {
    return command.in().number("arg", 0);
  }

  private static long device(String name, VendorCommand command, boolean x86) {
    return switch (name) {
      case "KVM_GET_API_VERSION" -> argument(command) != 0 ? ret(Errno.EINVAL) : API_VERSION;
      // struct kvm_run, on x86 the page of port data, the ring of coalesced MMIO.
      case "KVM_GET_VCPU_MMAP_SIZE" ->
          argument(command) != 0 ? ret(Errno.EINVAL) : (x86 ? 3 : 2) * PAGE;
      default -> x86 ? plain(DEVICE, name) : UNKNOWN;
    };
  }

  private static long ofVcpu(Kvm kvm, VcpuFile f, VendorCommand command) {
    if (CpuRegisters.refuses(f.vcpu(), command)) {
      return ret(Errno.EINVAL);
    }
    return CpuModes.knows(command.name())
        ? CpuModes.answer(kvm, f.vcpu(), command)
        : plain(VCPU, command.name());
  }

  private static long ofVm(Vm vm, String name, VendorCommand command) {
    switch (name) {
      case "KVM_SET_TSS_ADDR" -> {
        return Long.compareUnsigned(argument(command), TSS_LIMIT) > 0 ? ret(Errno.EINVAL) : 0;
      }
      case "KVM_RESET_DIRTY_RINGS" -> {
        return vm.dirtyLog().resetRings();
      }
      case "KVM_SET_IDENTITY_MAP_ADDR" -> {
        return vm.devices().hasVcpus() ? ret(Errno.EINVAL) : 0;
      }
      case "KVM_CREATE_IRQCHIP" -> {
        return ret(vm.devices().createIrqchip());
      }
      case "KVM_CREATE_PIT", "KVM_CREATE_PIT2" -> {
        return ret(vm.devices().createPit());
      }
      case "KVM_SET_BOOT_CPU_ID" -> {
        return vm.devices().hasVcpus() ? ret(Errno.EBUSY) : 0;
      }
      case "KVM_SET_TSC_KHZ" -> {
        return ret(vm.devices().setTscKhz(argument(command)));
      }
      default -> {}
    }
    if (name.equals("KVM_GET_IRQCHIP") || name.equals("KVM_SET_IRQCHIP")) {
      return vm.devices().hasWholeIrqchip() ? 0 : ret(Errno.ENXIO);
    }
    if (IRQCHIP.contains(name)) {
      return vm.devices().hasIrqchip() ? 0 : ret(Errno.ENXIO);
    }
    if (PIT.contains(name)) {
      return vm.devices().hasPit() ? 0 : ret(Errno.ENXIO);
    }
    return plain(VM, name);
  }
}
