package dev.cocovisor.core.host;

import static dev.cocovisor.api.Capability.*;

import dev.cocovisor.api.Capability;
import dev.cocovisor.core.vm.Vm;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The answers of KVM_CHECK_EXTENSION that have nothing to do with memory: what every x86 KVM of 7.3
 * has, and the sizes and masks of the recorded host (AMD, CONFIG_KVM_HYPERV, CONFIG_KVM_SMM,
 * CONFIG_KVM_XEN off). Source: {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_check_extension; {@code
 * virt/kvm/kvm_main.c}, kvm_vm_ioctl_check_extension_generic; the recording of every number.
 */
final class X86Extensions {
  private static final Set<Capability> PRESENT =
      EnumSet.of(
          KVM_CAP_IRQCHIP,
          KVM_CAP_HLT,
          KVM_CAP_MMU_SHADOW_CACHE_CONTROL,
          KVM_CAP_SET_TSS_ADDR,
          KVM_CAP_VAPIC,
          KVM_CAP_EXT_CPUID,
          KVM_CAP_CLOCKSOURCE,
          KVM_CAP_PIT,
          KVM_CAP_NOP_IO_DELAY,
          KVM_CAP_MP_STATE,
          KVM_CAP_USER_NMI,
          KVM_CAP_SET_GUEST_DEBUG,
          KVM_CAP_REINJECT_CONTROL,
          KVM_CAP_IRQ_INJECT_STATUS,
          KVM_CAP_IRQFD,
          KVM_CAP_PIT2,
          KVM_CAP_SET_BOOT_CPU_ID,
          KVM_CAP_PIT_STATE2,
          KVM_CAP_IOEVENTFD,
          KVM_CAP_SET_IDENTITY_MAP_ADDR,
          KVM_CAP_INTERNAL_ERROR_DATA,
          KVM_CAP_VCPU_EVENTS,
          KVM_CAP_HYPERV,
          KVM_CAP_HYPERV_VAPIC,
          KVM_CAP_HYPERV_SPIN,
          KVM_CAP_PCI_SEGMENT,
          KVM_CAP_DEBUGREGS,
          KVM_CAP_X86_ROBUST_SINGLESTEP,
          KVM_CAP_ENABLE_CAP,
          KVM_CAP_XSAVE,
          KVM_CAP_XCRS,
          KVM_CAP_ASYNC_PF,
          KVM_CAP_GET_TSC_KHZ,
          KVM_CAP_ONE_REG,
          KVM_CAP_TSC_DEADLINE_TIMER,
          KVM_CAP_KVMCLOCK_CTRL,
          KVM_CAP_SIGNAL_MSI,
          KVM_CAP_IRQFD_RESAMPLE,
          KVM_CAP_DEVICE_CTRL,
          KVM_CAP_EXT_EMUL_CPUID,
          KVM_CAP_HYPERV_TIME,
          KVM_CAP_IOAPIC_POLARITY_IGNORED,
          KVM_CAP_IOEVENTFD_NO_LENGTH,
          KVM_CAP_SPLIT_IRQCHIP,
          KVM_CAP_IOEVENTFD_ANY_LENGTH,
          KVM_CAP_HYPERV_SYNIC,
          KVM_CAP_VCPU_ATTRIBUTES,
          KVM_CAP_IMMEDIATE_EXIT,
          KVM_CAP_HYPERV_SYNIC2,
          KVM_CAP_HYPERV_VP_INDEX,
          KVM_CAP_GET_MSR_FEATURES,
          KVM_CAP_HYPERV_EVENTFD,
          KVM_CAP_HYPERV_TLBFLUSH,
          KVM_CAP_MSR_PLATFORM_INFO,
          KVM_CAP_HYPERV_SEND_IPI,
          KVM_CAP_COALESCED_PIO,
          KVM_CAP_EXCEPTION_PAYLOAD,
          KVM_CAP_HYPERV_CPUID,
          KVM_CAP_PMU_EVENT_FILTER,
          KVM_CAP_HALT_POLL,
          KVM_CAP_ASYNC_PF_INT,
          KVM_CAP_LAST_CPU,
          KVM_CAP_STEAL_TIME,
          KVM_CAP_X86_USER_SPACE_MSR,
          KVM_CAP_X86_MSR_FILTER,
          KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
          KVM_CAP_SYS_HYPERV_CPUID,
          KVM_CAP_VM_COPY_ENC_CONTEXT_FROM,
          KVM_CAP_HYPERV_ENFORCE_CPUID,
          KVM_CAP_SREGS2,
          KVM_CAP_BINARY_STATS_FD,
          KVM_CAP_EXIT_ON_EMULATION_FAILURE,
          KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM,
          KVM_CAP_SYS_ATTRIBUTES,
          KVM_CAP_SYSTEM_EVENT_DATA,
          KVM_CAP_X86_TRIPLE_FAULT_EVENT,
          KVM_CAP_VM_DISABLE_NX_HUGE_PAGES,
          KVM_CAP_PMU_EVENT_MASKED_EVENTS);

  private X86Extensions() {}

  /** Returns the answer on /dev/kvm, or on a VM; 0 for what is not here. */
  static long answer(Capability cap, @Nullable Vm vm) {
    return switch (cap) {
      case KVM_CAP_COALESCED_MMIO -> 2;
      case KVM_CAP_IRQ_ROUTING, KVM_CAP_XSAVE2 -> 4096;
      case KVM_CAP_MCE -> 32;
      case KVM_CAP_ADJUST_CLOCK -> 14;
      case KVM_CAP_SYNC_REGS -> vm != null && vm.traits().protectedState() ? 0 : 7;
      // Suppressing EOI broadcasts needs a split irqchip, which a VM does not begin with.
      case KVM_CAP_X2APIC_API -> vm == null || vm.devices().hasSplitIrqchip() ? 15 : 11;
      case KVM_CAP_X86_APIC_BUS_CYCLES_NS -> vm == null ? 1 : vm.devices().apicBusCycleNs();
      case KVM_CAP_X86_DISABLE_EXITS -> 15;
      case KVM_CAP_NESTED_STATE -> 4224;
      case KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL -> 1 << 20;
      case KVM_CAP_SET_GUEST_DEBUG2 -> 0x1f0003;
      default ->
          PRESENT.contains(cap) ? 1 : vm == null ? 0 : vm.ops().processorOffers(cap.number());
    };
  }
}
