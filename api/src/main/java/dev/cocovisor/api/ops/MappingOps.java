package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.uapi.MemoryMapping;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Hooks on the way from a guest address to a mapping. None of them may allocate on the fault path.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface MappingOps {
  /** {@link #guestWalk}: the core's own tables are what the hardware walks. */
  long WALK_CORE = -1;

  /** {@link #guestWalk}: no translation; the core handles a fault and walks again. */
  long WALK_FAULT = -2;

  /** {@link #guestWalk}: the run ends with the exit set on the vCPU. */
  long WALK_EXIT = -3;

  /** {@link #guestWalk}: the vendor half mended something; walk again. */
  long WALK_RETRY = -4;

  /** {@link #guestWalk}: answers at or below this one are errors, see {@link #walkFailed}. */
  long WALK_FAILED = -1_000;

  /**
   * Returns the answer of {@link #guestWalk} that ends the run with an error, and with the exit set
   * on the vCPU.
   */
  static long walkFailed(Errno error) {
    return WALK_FAILED - error.number();
  }

  /** Returns what the core has to know in advance; constant for the VM's life. */
  default VmTraits traits() {
    return VmTraits.DEFAULT;
  }

  /**
   * Called by KVM_MAP_MEMORY v2 before each mapping ({@code pre_mmu_map_page} of the 2024 series).
   *
   * <p>Locks: slots read-side (SRCU), vCPU mutex. Errors: any, ends the ioctl; SEV's callback
   * refuses with EOPNOTSUPP where the setting says so. Kernel default: OK. Source: "KVM: Guest
   * Memory Pre-Population API" v2 (April 2024), patches 8 and 9.
   *
   * @param mapping what userspace asked for, in bytes
   * @param isPrivate whether the fault will be a private one
   */
  default Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    return Errno.OK;
  }

  /**
   * Tells whether pre-population is allowed yet ({@code kvm->arch.pre_fault_allowed}): TDX and SNP
   * say no until they are finalized and KVM_PRE_FAULT_MEMORY answers EOPNOTSUPP. Locks: vCPU mutex.
   * Kernel default: yes. Source: {@code mmu/mmu.c}, kvm_arch_vcpu_pre_fault_memory.
   */
  default boolean preFaultAllowed() {
    return true;
  }

  /**
   * Limits a private fault's level ({@code private_max_mapping_level}).
   *
   * <p>Locks: slots read-side (SRCU). Must not fail. Kernel default: no opinion. Source: {@code
   * mmu.c}, kvm_gmem_max_mapping_level.
   *
   * @param vcpu the faulting vCPU, or null when KVM recovers huge pages or prefaults
   * @param prefetch whether this is pre-population rather than a guest's fault
   * @return the largest level, or null for no opinion
   */
  default @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    return null;
  }

  /**
   * Limits the level of memory that comes from a guest_memfd ({@code gmem_max_mapping_level}, 6.16
   * on). As {@link #privateMaxMappingLevel}.
   */
  default @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    return null;
  }

  /**
   * Tells the level the guest's own fault names: TDX's accept level from the extended exit
   * qualification, SNP's RMP page size. Locks: vCPU mutex. Kernel default: no opinion. Source: the
   * TDX huge page series.
   */
  default @Nullable PageLevel faultLevelHint(VcpuContext vcpu, long gfn) {
    return null;
  }

  /**
   * Walks the tables that the hardware walks for this access, where they are not the core's own.
   *
   * <p>Locks: none, as hardware. Answers a host-physical byte address (at least 0), one of the WALK
   * constants, or {@link #walkFailed}. Default: {@link #WALK_CORE}.
   *
   * @param gpa bytes, with the shared bit if the guest set it
   */
  default long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return WALK_CORE;
  }

  /**
   * Judges a translation after the walk, as the RMP does. Locks: none, as hardware. Default: ALLOW.
   *
   * @param level size of the leaf that translated
   */
  default AccessOutcome checkTranslation(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
    return AccessOutcome.ALLOW;
  }

  /**
   * Returns the key that this VM's accesses carry when they are encrypted: a SEV guest's with the
   * C-bit set, its fetches and its page-table walks. Guards find it in {@link
   * dev.cocovisor.api.mem.Accessor#key}; an access without the bit carries 0. Locks: none, asked at
   * each access. Default: 0, the technology does not tell accesses apart so.
   */
  default int guestKey() {
    return 0;
  }

  /**
   * Sees a guest fault before the core handles it. FAULT lets the core go on; RETRY says it is
   * mended; EXIT ends the run. Locks: vCPU mutex. Default: FAULT. Source: tdx_handle_ept_violation,
   * sev.c's sev_handle_rmp_fault, arm64 kvm_handle_guest_abort.
   */
  default AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return AccessOutcome.FAULT;
  }

  /**
   * Tells whether KVM can emulate the instruction that touched an address without memory; if not,
   * the vendor has set the exit with which the run ends ({@code check_emulate_instruction}). Locks:
   * vCPU mutex. Default: it can. Source: {@code svm/svm.c}, svm_check_emulate_instruction.
   */
  default boolean emulates(VcpuContext vcpu, long gpa, Access access) {
    return true;
  }

  /**
   * Carries out an action only the backend knows. Locks: vCPU mutex.
   *
   * @return how the run ended, or null if the backend does not know the action
   */
  default @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    return null;
  }

  /**
   * Goes on after a hypercall exit that {@link #guestAction} ended with and userspace answered
   * (TDVMCALL MapGPA, chunk by chunk). Locks: vCPU mutex.
   *
   * @param ret userspace's answer
   * @return null if no such exit is open: the core's own hypercall goes on
   */
  default @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return null;
  }

  /**
   * Answers a KVM hypercall before the core does. Locks: vCPU mutex.
   *
   * @return null to let the core handle it
   */
  default @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    return null;
  }

  /**
   * Called after a slot's or the VM's mappings are flushed and before its guest_memfd is unbound
   * ({@code guest_memory_reclaimed}; pKVM must have its pages back first). Locks: slots lock.
   * Kernel default: nothing. Source: {@code virt/kvm/kvm_main.c}, kvm_arch_guest_memory_reclaimed.
   */
  default void guestMemoryReclaimed() {}
}
