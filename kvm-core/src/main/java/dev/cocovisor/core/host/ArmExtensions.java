package dev.cocovisor.core.host;

import static dev.cocovisor.api.Capability.KVM_CAP_ARM_EL1_32BIT;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_INJECT_EXT_DABT;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_IRQ_LINE_LAYOUT_2;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_NISV_TO_USER;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_PSCI;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_PSCI_0_2;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_SEA_TO_USER;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_SET_DEVICE_ADDR;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_SYSTEM_SUSPEND;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_USER_IRQ;
import static dev.cocovisor.api.Capability.KVM_CAP_ARM_WRITABLE_IMP_ID_REGS;
import static dev.cocovisor.api.Capability.KVM_CAP_BINARY_STATS_FD;
import static dev.cocovisor.api.Capability.KVM_CAP_CHECK_EXTENSION_VM;
import static dev.cocovisor.api.Capability.KVM_CAP_COALESCED_MMIO;
import static dev.cocovisor.api.Capability.KVM_CAP_COALESCED_PIO;
import static dev.cocovisor.api.Capability.KVM_CAP_COUNTER_OFFSET;
import static dev.cocovisor.api.Capability.KVM_CAP_DESTROY_MEMORY_REGION_WORKS;
import static dev.cocovisor.api.Capability.KVM_CAP_DEVICE_CTRL;
import static dev.cocovisor.api.Capability.KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP;
import static dev.cocovisor.api.Capability.KVM_CAP_ENABLE_CAP_VM;
import static dev.cocovisor.api.Capability.KVM_CAP_GUEST_MEMFD;
import static dev.cocovisor.api.Capability.KVM_CAP_HALT_POLL;
import static dev.cocovisor.api.Capability.KVM_CAP_IMMEDIATE_EXIT;
import static dev.cocovisor.api.Capability.KVM_CAP_INTERNAL_ERROR_DATA;
import static dev.cocovisor.api.Capability.KVM_CAP_IOEVENTFD;
import static dev.cocovisor.api.Capability.KVM_CAP_IOEVENTFD_ANY_LENGTH;
import static dev.cocovisor.api.Capability.KVM_CAP_IRQCHIP;
import static dev.cocovisor.api.Capability.KVM_CAP_IRQFD;
import static dev.cocovisor.api.Capability.KVM_CAP_IRQFD_RESAMPLE;
import static dev.cocovisor.api.Capability.KVM_CAP_JOIN_MEMORY_REGIONS_WORKS;
import static dev.cocovisor.api.Capability.KVM_CAP_MP_STATE;
import static dev.cocovisor.api.Capability.KVM_CAP_ONE_REG;
import static dev.cocovisor.api.Capability.KVM_CAP_PTP_KVM;
import static dev.cocovisor.api.Capability.KVM_CAP_READONLY_MEM;
import static dev.cocovisor.api.Capability.KVM_CAP_SET_GUEST_DEBUG;
import static dev.cocovisor.api.Capability.KVM_CAP_SIGNAL_MSI;
import static dev.cocovisor.api.Capability.KVM_CAP_STEAL_TIME;
import static dev.cocovisor.api.Capability.KVM_CAP_SYNC_MMU;
import static dev.cocovisor.api.Capability.KVM_CAP_SYSTEM_EVENT_DATA;
import static dev.cocovisor.api.Capability.KVM_CAP_USER_MEMORY;
import static dev.cocovisor.api.Capability.KVM_CAP_USER_MEMORY2;
import static dev.cocovisor.api.Capability.KVM_CAP_VCPU_ATTRIBUTES;
import static dev.cocovisor.api.Capability.KVM_CAP_VCPU_EVENTS;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.ArchRules;
import dev.cocovisor.core.vm.Vm;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * KVM_CHECK_EXTENSION on arm64: what the kernel says for every architecture, and what arm64 adds,
 * with the sizes of the recorded host (Cortex-A57, GICv3, no PMU, SVE or pointer authentication for
 * guests). A guest whose registers are hidden has of the second kind only what concerns its
 * interrupts, its vCPUs and their power.
 *
 * <p>Sources: {@code virt/kvm/kvm_main.c}, kvm_vm_ioctl_check_extension_generic; {@code
 * arch/arm64/kvm/arm.c}, kvm_vm_ioctl_check_extension; {@code asm/kvm_pkvm.h},
 * kvm_pkvm_ext_allowed; the recording of every number.
 */
final class ArmExtensions {
  private static final Set<Capability> ANYWHERE =
      EnumSet.of(
          KVM_CAP_SYNC_MMU,
          KVM_CAP_USER_MEMORY,
          KVM_CAP_USER_MEMORY2,
          KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
          KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
          KVM_CAP_INTERNAL_ERROR_DATA,
          KVM_CAP_SIGNAL_MSI,
          KVM_CAP_IRQFD,
          KVM_CAP_IOEVENTFD_ANY_LENGTH,
          KVM_CAP_CHECK_EXTENSION_VM,
          KVM_CAP_ENABLE_CAP_VM,
          KVM_CAP_HALT_POLL,
          KVM_CAP_COALESCED_MMIO,
          KVM_CAP_COALESCED_PIO,
          KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP,
          KVM_CAP_BINARY_STATS_FD,
          KVM_CAP_SYSTEM_EVENT_DATA,
          KVM_CAP_DEVICE_CTRL,
          KVM_CAP_GUEST_MEMFD,
          KVM_CAP_IRQCHIP,
          KVM_CAP_ARM_PSCI,
          KVM_CAP_ARM_PSCI_0_2);

  private static final Set<Capability> WITH_OPEN_REGISTERS =
      EnumSet.of(
          KVM_CAP_IOEVENTFD,
          KVM_CAP_ONE_REG,
          KVM_CAP_READONLY_MEM,
          KVM_CAP_MP_STATE,
          KVM_CAP_IMMEDIATE_EXIT,
          KVM_CAP_VCPU_EVENTS,
          KVM_CAP_ARM_IRQ_LINE_LAYOUT_2,
          KVM_CAP_ARM_NISV_TO_USER,
          KVM_CAP_ARM_INJECT_EXT_DABT,
          KVM_CAP_SET_GUEST_DEBUG,
          KVM_CAP_VCPU_ATTRIBUTES,
          KVM_CAP_PTP_KVM,
          KVM_CAP_ARM_SYSTEM_SUSPEND,
          KVM_CAP_IRQFD_RESAMPLE,
          KVM_CAP_COUNTER_OFFSET,
          KVM_CAP_ARM_WRITABLE_IMP_ID_REGS,
          KVM_CAP_ARM_SEA_TO_USER,
          KVM_CAP_ARM_SET_DEVICE_ADDR,
          KVM_CAP_ARM_USER_IRQ,
          KVM_CAP_STEAL_TIME,
          KVM_CAP_ARM_EL1_32BIT,
          KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES);

  private static final int BREAKPOINTS = 6;
  private static final int WATCHPOINTS = 4;

  /** KVM_GUESTDBG_VALID_MASK. */
  private static final int DEBUG_FLAGS = 0x3_0003;

  private static final int IRQ_ROUTES = 4096;
  private static final int DIRTY_RING_BYTES = 1 << 20;

  private ArmExtensions() {}

  /** Returns the answer on /dev/kvm, or on a VM; 0 for what is not here. */
  static long answer(Kvm kvm, @Nullable Vm vm, Capability cap) {
    if (ANYWHERE.contains(cap)) {
      return 1;
    }
    boolean open = vm == null || !vm.traits().protectedState();
    if (WITH_OPEN_REGISTERS.contains(cap)) {
      return open ? 1 : 0;
    }
    return switch (cap) {
      case KVM_CAP_NR_MEMSLOTS -> ArchRules.ARM64.userSlots();
      case KVM_CAP_NR_VCPUS -> Math.min(kvm.cpus(), ArchRules.ARM64.vcpuIds());
      case KVM_CAP_MAX_VCPUS, KVM_CAP_MAX_VCPU_ID -> ArchRules.ARM64.vcpuIds();
      case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 -> 3;
      case KVM_CAP_IRQ_ROUTING -> IRQ_ROUTES;
      case KVM_CAP_DIRTY_LOG_RING_ACQ_REL -> DIRTY_RING_BYTES;
      case KVM_CAP_GUEST_MEMFD_FLAGS -> Extensions.gmemFlags(kvm, vm);
      case KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES -> Extensions.fileAttributes(kvm, vm);
      case KVM_CAP_GUEST_DEBUG_HW_BPS -> open ? BREAKPOINTS : 0;
      case KVM_CAP_GUEST_DEBUG_HW_WPS -> open ? WATCHPOINTS : 0;
      case KVM_CAP_SET_GUEST_DEBUG2 -> open ? DEBUG_FLAGS : 0;
      // What depends on the VM cannot be answered without one.
      case KVM_CAP_MSI_DEVID, KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED ->
          vm == null ? -Errno.EINVAL.number() : 0;
      default -> 0;
    };
  }
}
