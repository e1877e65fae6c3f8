package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import java.util.function.Consumer;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Birth and death of a VM and its vCPUs, and the calls of the user API that only a vendor knows.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface LifecycleOps {
  /**
   * How a slot changes. Source: {@code include/linux/kvm_host.h}, enum kvm_mr_change.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  enum SlotChange {
    CREATE,
    DELETE,
    MOVE,
    FLAGS_ONLY
  }

  /**
   * Called at the end of KVM_CREATE_VM (x86 op {@code vm_init}).
   *
   * <p>Locks: none; nobody else sees the VM yet. Errors: any; the VM is not created and no other
   * hook is called. Kernel default: success. Source: {@code arch/x86/kvm/x86.c}, kvm_arch_init_vm.
   */
  default Errno vmInit() {
    return Errno.OK;
  }

  /**
   * Called first when the last reference goes, before the vCPUs and memory (x86 op {@code
   * vm_pre_destroy}). Locks: none. Kernel default: nothing. Source: {@code x86.c},
   * kvm_arch_pre_destroy_vm.
   */
  default void vmPreDestroy() {}

  /**
   * Called after vCPUs are freed, memslots unmapped and guest_memfds unbound (x86 op {@code
   * vm_destroy}). Locks: none. Kernel default: nothing. Source: {@code x86.c}, kvm_arch_destroy_vm.
   */
  default void vmDestroy() {}

  /**
   * Called by KVM_CREATE_VCPU (x86 op {@code vcpu_create}). Locks: none but the new vCPU's. Errors:
   * any; the vCPU is not created. Kernel default: success.
   */
  default Errno vcpuCreate(VcpuContext vcpu) {
    return Errno.OK;
  }

  /**
   * Called when a vCPU is freed (x86 op {@code vcpu_free}). Locks: none. Kernel default: nothing.
   */
  default void vcpuFree(VcpuContext vcpu) {}

  /**
   * Called before each entry into the guest, after pending requests (x86 op {@code vcpu_pre_run};
   * arm64 kvm_arch_vcpu_run_pid_change on first run). Locks: vCPU mutex. Errors: any; KVM_RUN
   * answers it with KVM_EXIT_UNKNOWN unless an exit was set. Kernel default: success.
   */
  default Errno vcpuPreRun(VcpuContext vcpu) {
    return Errno.OK;
  }

  /**
   * Called when a slot is about to change (kvm_arch_prepare_memory_region). Locks: slots lock.
   * Errors: any; nothing changes. Kernel default: success.
   *
   * @param old the slot before, null for CREATE
   * @param now the slot after, null for DELETE
   */
  default Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return Errno.OK;
  }

  /**
   * Called after a slot changed (kvm_arch_commit_memory_region). Locks: slots lock. Kernel default:
   * nothing. The migration bitmap grows here.
   */
  default void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {}

  /**
   * Called for KVM_ENABLE_CAP on the VM when the core does not know the capability. Locks: kvm
   * lock. Errors: any. Kernel default: EINVAL.
   */
  default Errno enableCap(int cap, long flags, long arg0) {
    return Errno.EINVAL;
  }

  /**
   * Called for an ioctl on the VM that the core does not know. Locks: none; take what the kernel
   * takes.
   *
   * @return at least 0, or a negative errno. Kernel default: ENOTTY.
   */
  default long vmIoctl(VendorCommand command) {
    return -Errno.ENOTTY.number();
  }

  /**
   * Called for an ioctl on a vCPU that the core does not know; as {@link #vmIoctl}, vCPU mutex
   * held.
   */
  default long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return -Errno.ENOTTY.number();
  }

  /**
   * Reports every broken invariant of this VM's vendor half; see {@link
   * dev.cocovisor.api.Platform#checkInvariants}.
   */
  default void checkInvariants(Consumer<String> violation) {}

  /**
   * Tells whether KVM can emulate system management mode for the VM, which KVM_CAP_X86_SMM says;
   * not where it sees no registers ({@code has_emulated_msr} of MSR_IA32_SMBASE). Locks: none.
   */
  default boolean emulatesSmm() {
    return true;
  }

  /**
   * Tells whether a part of a vCPU's state is out of KVM's sight; registers and FPU count in a VM
   * whose type says so ({@code has_protected_state}). Locks: vCPU mutex. Kernel default: no.
   */
  default boolean hides(VcpuContext vcpu, CpuState state) {
    return false;
  }

  /**
   * Tells whether the trusted side keeps ends of interrupts to itself, so that KVM can have no I/O
   * APIC for the VM ({@code has_protected_eoi}); KVM_CREATE_IRQCHIP is ENOTTY then. Locks: kvm
   * lock.
   */
  default boolean hidesEois() {
    return false;
  }

  /**
   * Returns how many vCPUs the VM can have ({@code kvm->max_vcpus}), which KVM_CAP_MAX_VCPUS tells.
   * Locks: kvm lock or none.
   *
   * @param most what any VM can have, KVM_MAX_VCPUS
   */
  default int maxVcpus(int most) {
    return most;
  }

  /**
   * Returns what KVM_CHECK_EXTENSION answers on this VM for something that only processors of the
   * vendor's have. Locks: none.
   *
   * @param cap the capability's number
   * @return the answer, 0 for no such thing
   */
  default int processorOffers(int cap) {
    return 0;
  }
}
