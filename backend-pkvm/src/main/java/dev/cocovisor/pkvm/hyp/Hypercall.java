package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.Nullable;

/**
 * The host's hypercalls with their numbers and the time at which they are allowed.
 *
 * <p>Numbers are Linux 7.3.4's; they are no ABI and change with every release. Calls without an
 * effect on page ownership are dispatched and do nothing here. Source: {@code asm/kvm_asm.h}, enum
 * __kvm_host_smccc_func; {@code nvhe/hyp-main.c}, handle_host_hcall.
 */
public enum Hypercall {
  HYP_INIT(0, Band.NEVER),
  PKVM_INIT(1, Band.BEFORE),
  CREATE_PRIVATE_MAPPING(2, Band.BEFORE),
  CPU_SET_VECTOR(3, Band.BEFORE),
  ENABLE_SSBS(4, Band.BEFORE),
  VGIC_V3_INIT_LRS(5, Band.BEFORE),
  VGIC_V3_GET_GIC_CONFIG(6, Band.BEFORE),
  PROT_FINALIZE(7, Band.ALWAYS),
  ADJUST_PC(8, Band.ALWAYS),
  VCPU_RUN(9, Band.ALWAYS),
  FLUSH_VM_CONTEXT(10, Band.ALWAYS),
  TLB_FLUSH_VMID_IPA(11, Band.ALWAYS),
  TLB_FLUSH_VMID_IPA_NSH(12, Band.ALWAYS),
  TLB_FLUSH_VMID(13, Band.ALWAYS),
  TLB_FLUSH_VMID_RANGE(14, Band.ALWAYS),
  FLUSH_CPU_CONTEXT(15, Band.ALWAYS),
  TIMER_SET_CNTVOFF(16, Band.ALWAYS),
  TRACING_0(17, Band.ALWAYS),
  TRACING_1(18, Band.ALWAYS),
  TRACING_2(19, Band.ALWAYS),
  TRACING_3(20, Band.ALWAYS),
  TRACING_4(21, Band.ALWAYS),
  TRACING_5(22, Band.ALWAYS),
  TRACING_6(23, Band.ALWAYS),
  TRACING_7(24, Band.ALWAYS),
  VGIC_V3_SAVE_APRS(25, Band.ALWAYS),
  VGIC_V3_RESTORE_VMCR_APRS(26, Band.ALWAYS),
  VGIC_V5_SAVE_APR(27, Band.ALWAYS),
  VGIC_V5_RESTORE(28, Band.ALWAYS),
  /** (pfn). */
  HOST_SHARE_HYP(29, Band.AFTER),
  /** (pfn). */
  HOST_UNSHARE_HYP(30, Band.AFTER),
  /** (pfn, gfn). */
  HOST_DONATE_GUEST(31, Band.AFTER),
  /** (pfn, gfn, pages, prot). */
  HOST_SHARE_GUEST(32, Band.AFTER),
  /** (handle, gfn, pages). */
  HOST_UNSHARE_GUEST(33, Band.AFTER),
  /** (gfn, prot). */
  HOST_RELAX_PERMS_GUEST(34, Band.AFTER),
  /** (handle, gfn, pages). */
  HOST_WRPROTECT_GUEST(35, Band.AFTER),
  /** (handle, gfn, pages, make old). */
  HOST_TEST_CLEAR_YOUNG_GUEST(36, Band.AFTER),
  /** (gfn). */
  HOST_MKYOUNG_GUEST(37, Band.AFTER),
  /** (). */
  RESERVE_VM(38, Band.AFTER),
  /** (handle). */
  UNRESERVE_VM(39, Band.AFTER),
  /** (page of the host's VM, page for EL2's, pages for the stage-2 root). */
  INIT_VM(40, Band.AFTER),
  /** (handle, page of the host's vCPU, page for EL2's). */
  INIT_VCPU(41, Band.AFTER),
  /** (). */
  VCPU_IN_POISON_FAULT(42, Band.AFTER),
  /** (physical address). */
  FORCE_RECLAIM_GUEST_PAGE(43, Band.AFTER),
  /** (handle, gfn). */
  RECLAIM_DYING_GUEST_PAGE(44, Band.AFTER),
  /** (handle). */
  START_TEARDOWN_VM(45, Band.AFTER),
  /** (handle). */
  FINALIZE_TEARDOWN_VM(46, Band.AFTER),
  /** (handle, index). */
  VCPU_LOAD(47, Band.AFTER),
  /** (). */
  VCPU_PUT(48, Band.AFTER),
  /** (). */
  VCPU_SYNC_STATE(49, Band.AFTER),
  /** (handle). */
  PKVM_TLB_FLUSH_VMID(50, Band.AFTER);

  /** When a call is allowed. */
  public enum Band {
    /** By the boot stub only. */
    NEVER,
    /** Until the host gave up its privileges. */
    BEFORE,
    /** At any time. */
    ALWAYS,
    /** Once the host gave up its privileges. */
    AFTER
  }

  /** SMCCC: fast call, 64 bit, vendor hypervisor service. */
  public static final long ID_BASE = 0xC600_0000L;

  private static final Hypercall[] ALL = values();

  private final int number;
  private final Band band;

  Hypercall(int number, Band band) {
    this.number = number;
    this.band = band;
  }

  /** Returns the function id in x0. */
  public long id() {
    return ID_BASE | number;
  }

  /** Returns when it is allowed. */
  public Band band() {
    return band;
  }

  /** Finds a call by its function id, null if there is none. */
  public static @Nullable Hypercall of(long id) {
    long n = id - ID_BASE;
    return n >= 0 && n < ALL.length ? ALL[(int) n] : null;
  }
}
