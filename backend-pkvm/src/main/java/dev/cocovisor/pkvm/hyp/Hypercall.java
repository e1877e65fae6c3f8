package dev.cocovisor.pkvm.hyp;

import static dev.cocovisor.api.trusted.TrustedOperation.CREATE;
import static dev.cocovisor.api.trusted.TrustedOperation.ENTER;
import static dev.cocovisor.api.trusted.TrustedOperation.MAP;
import static dev.cocovisor.api.trusted.TrustedOperation.OTHER;
import static dev.cocovisor.api.trusted.TrustedOperation.RECLAIM;
import static dev.cocovisor.api.trusted.TrustedOperation.TRACK;
import static dev.cocovisor.api.trusted.TrustedOperation.UNMAP;
import static dev.cocovisor.api.trusted.TrustedOperation.VCPU;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The host's hypercalls, one row each: number, name, when it is allowed, operands, kind of work and
 * what answers it.
 *
 * <p>Numbers are Linux 7.3.4's; they are no ABI and change with every release. Calls without an
 * effect on page ownership are dispatched and do nothing here. Source: {@code asm/kvm_asm.h}, enum
 * __kvm_host_smccc_func; {@code nvhe/hyp-main.c}, handle_host_hcall.
 */
public enum Hypercall implements TrustedCall {
  HYP_INIT(0, "__kvm_hyp_init", Band.NEVER, 0, OTHER, HostCalls.NOTHING),
  PKVM_INIT(1, "__pkvm_init", Band.BEFORE, 4, OTHER, HostCalls.NOTHING),
  CREATE_PRIVATE_MAPPING(
      2, "__pkvm_create_private_mapping", Band.BEFORE, 3, OTHER, HostCalls.NOTHING),
  CPU_SET_VECTOR(3, "__pkvm_cpu_set_vector", Band.BEFORE, 1, OTHER, HostCalls.NOTHING),
  ENABLE_SSBS(4, "__kvm_enable_ssbs", Band.BEFORE, 0, OTHER, HostCalls.NOTHING),
  VGIC_V3_INIT_LRS(5, "__vgic_v3_init_lrs", Band.BEFORE, 0, OTHER, HostCalls.NOTHING),
  VGIC_V3_GET_GIC_CONFIG(6, "__vgic_v3_get_gic_config", Band.BEFORE, 0, OTHER, HostCalls.NOTHING),
  PROT_FINALIZE(
      7,
      "__pkvm_prot_finalize",
      Band.ALWAYS,
      0,
      OTHER,
      (el2, cpu, _, _, _, _) -> el2.finalise(cpu)),
  ADJUST_PC(8, "__kvm_adjust_pc", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  VCPU_RUN(9, "__kvm_vcpu_run", Band.ALWAYS, 1, ENTER, (el2, cpu, _, _, _, _) -> el2.run(cpu)),
  FLUSH_VM_CONTEXT(10, "__kvm_flush_vm_context", Band.ALWAYS, 0, TRACK, HostCalls.NOTHING),
  TLB_FLUSH_VMID_IPA(11, "__kvm_tlb_flush_vmid_ipa", Band.ALWAYS, 3, TRACK, HostCalls.NOTHING),
  TLB_FLUSH_VMID_IPA_NSH(
      12, "__kvm_tlb_flush_vmid_ipa_nsh", Band.ALWAYS, 3, TRACK, HostCalls.NOTHING),
  TLB_FLUSH_VMID(13, "__kvm_tlb_flush_vmid", Band.ALWAYS, 1, TRACK, HostCalls.NOTHING),
  TLB_FLUSH_VMID_RANGE(14, "__kvm_tlb_flush_vmid_range", Band.ALWAYS, 3, TRACK, HostCalls.NOTHING),
  FLUSH_CPU_CONTEXT(15, "__kvm_flush_cpu_context", Band.ALWAYS, 1, TRACK, HostCalls.NOTHING),
  TIMER_SET_CNTVOFF(16, "__kvm_timer_set_cntvoff", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  TRACING_LOAD(17, "__tracing_load", Band.ALWAYS, 2, OTHER, HostCalls.NOTHING),
  TRACING_UNLOAD(18, "__tracing_unload", Band.ALWAYS, 0, OTHER, HostCalls.NOTHING),
  TRACING_ENABLE(19, "__tracing_enable", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  TRACING_SWAP_READER(20, "__tracing_swap_reader", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  TRACING_UPDATE_CLOCK(21, "__tracing_update_clock", Band.ALWAYS, 4, OTHER, HostCalls.NOTHING),
  TRACING_RESET(22, "__tracing_reset", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  TRACING_ENABLE_EVENT(23, "__tracing_enable_event", Band.ALWAYS, 2, OTHER, HostCalls.NOTHING),
  TRACING_WRITE_EVENT(24, "__tracing_write_event", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  VGIC_V3_SAVE_APRS(25, "__vgic_v3_save_aprs", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  VGIC_V3_RESTORE_VMCR_APRS(
      26, "__vgic_v3_restore_vmcr_aprs", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  VGIC_V5_SAVE_APR(27, "__vgic_v5_save_apr", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  VGIC_V5_RESTORE(28, "__vgic_v5_restore_vmcr_apr", Band.ALWAYS, 1, OTHER, HostCalls.NOTHING),
  /** (pfn). */
  HOST_SHARE_HYP(
      29,
      "__pkvm_host_share_hyp",
      Band.AFTER,
      1,
      OTHER,
      (el2, _, pfn, _, _, _) -> HostCalls.result(el2.host.shareHyp(pfn))),
  /** (pfn). */
  HOST_UNSHARE_HYP(
      30,
      "__pkvm_host_unshare_hyp",
      Band.AFTER,
      1,
      OTHER,
      (el2, _, pfn, _, _, _) -> HostCalls.result(el2.host.unshareHyp(pfn))),
  /** (pfn, gfn). */
  HOST_DONATE_GUEST(
      31,
      "__pkvm_host_donate_guest",
      Band.AFTER,
      2,
      MAP,
      (el2, cpu, pfn, gfn, _, _) -> el2.donateGuest(cpu, pfn, gfn)),
  /** (pfn, gfn, pages, prot). */
  HOST_SHARE_GUEST(
      32,
      "__pkvm_host_share_guest",
      Band.AFTER,
      4,
      MAP,
      (el2, cpu, pfn, gfn, pages, prot) -> el2.shareGuest(cpu, pfn, gfn, pages, prot)),
  /** (handle, gfn, pages). */
  HOST_UNSHARE_GUEST(
      33,
      "__pkvm_host_unshare_guest",
      Band.AFTER,
      3,
      UNMAP,
      (el2, _, handle, gfn, pages, _) -> el2.unshareGuest(handle, gfn, pages)),
  /** (gfn, prot). */
  HOST_RELAX_PERMS_GUEST(
      34,
      "__pkvm_host_relax_perms_guest",
      Band.AFTER,
      2,
      TRACK,
      (el2, cpu, gfn, prot, _, _) -> el2.relaxPerms(cpu, gfn, prot)),
  /** (handle, gfn, pages). */
  HOST_WRPROTECT_GUEST(
      35,
      "__pkvm_host_wrprotect_guest",
      Band.AFTER,
      3,
      TRACK,
      (el2, _, handle, gfn, pages, _) -> el2.wrprotect(handle, gfn, pages)),
  /** (handle, gfn, pages, make old). */
  HOST_TEST_CLEAR_YOUNG_GUEST(
      36,
      "__pkvm_host_test_clear_young_guest",
      Band.AFTER,
      4,
      TRACK,
      (el2, _, handle, gfn, pages, old) -> el2.testClearYoung(handle, gfn, pages, old)),
  /** (gfn). */
  HOST_MKYOUNG_GUEST(
      37,
      "__pkvm_host_mkyoung_guest",
      Band.AFTER,
      1,
      TRACK,
      (el2, cpu, gfn, _, _, _) -> el2.makeYoung(cpu, gfn)),
  /** (). */
  RESERVE_VM(
      38, "__pkvm_reserve_vm", Band.AFTER, 0, CREATE, (el2, _, _, _, _, _) -> el2.life.reserve()),
  /** (handle). */
  UNRESERVE_VM(
      39,
      "__pkvm_unreserve_vm",
      Band.AFTER,
      1,
      OTHER,
      (el2, _, handle, _, _, _) -> el2.unreserve(handle)),
  /** (page of the host's VM, page for EL2's, pages for the stage-2 root). */
  INIT_VM(
      40,
      "__pkvm_init_vm",
      Band.AFTER,
      3,
      CREATE,
      (el2, _, host, own, pgd, _) -> HostCalls.result(el2.life.initVm(host, own, pgd))),
  /** (handle, page of the host's vCPU, page for EL2's). */
  INIT_VCPU(
      41,
      "__pkvm_init_vcpu",
      Band.AFTER,
      3,
      VCPU,
      (el2, _, handle, host, own, _) ->
          HostCalls.result(el2.life.initVcpu((int) handle, host, own))),
  /** (). */
  VCPU_IN_POISON_FAULT(
      42,
      "__pkvm_vcpu_in_poison_fault",
      Band.AFTER,
      0,
      OTHER,
      (el2, cpu, _, _, _, _) -> el2.inPoisonFault(cpu)),
  /** (physical address). */
  FORCE_RECLAIM_GUEST_PAGE(
      43,
      "__pkvm_force_reclaim_guest_page",
      Band.AFTER,
      1,
      UNMAP,
      (el2, _, address, _, _, _) -> el2.forceReclaim(address)),
  /** (handle, gfn). */
  RECLAIM_DYING_GUEST_PAGE(
      44,
      "__pkvm_reclaim_dying_guest_page",
      Band.AFTER,
      2,
      RECLAIM,
      (el2, _, handle, gfn, _, _) -> el2.reclaimDying(handle, gfn)),
  /** (handle). */
  START_TEARDOWN_VM(
      45,
      "__pkvm_start_teardown_vm",
      Band.AFTER,
      1,
      OTHER,
      (el2, _, handle, _, _, _) -> HostCalls.result(el2.life.startTeardown((int) handle))),
  /** (handle). */
  FINALIZE_TEARDOWN_VM(
      46,
      "__pkvm_finalize_teardown_vm",
      Band.AFTER,
      1,
      OTHER,
      (el2, _, handle, _, _, _) -> HostCalls.result(el2.life.finalizeTeardown((int) handle))),
  /** (handle, index). */
  VCPU_LOAD(
      47,
      "__pkvm_vcpu_load",
      Band.AFTER,
      2,
      OTHER,
      (el2, cpu, handle, index, _, _) -> el2.load(cpu, handle, index)),
  /** (). */
  VCPU_PUT(48, "__pkvm_vcpu_put", Band.AFTER, 0, OTHER, (el2, cpu, _, _, _, _) -> el2.put(cpu)),
  /** (). */
  VCPU_SYNC_STATE(49, "__pkvm_vcpu_sync_state", Band.AFTER, 0, OTHER, HostCalls.NOTHING),
  /** (handle). */
  PKVM_TLB_FLUSH_VMID(50, "__pkvm_tlb_flush_vmid", Band.AFTER, 1, TRACK, HostCalls.NOTHING);

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

  /** What answers a call: x1. */
  @FunctionalInterface
  interface Handler {
    long answer(HostCalls el2, int cpu, long a0, long a1, long a2, long a3);
  }

  /** SMCCC: fast call, 64 bit, vendor hypervisor service. */
  public static final long ID_BASE = 0xC600_0000L;

  /** All rows, in the order of their numbers. */
  public static final List<Hypercall> ROWS = List.of(values());

  private static final Hypercall[] ALL = values();

  private final int number;
  private final String callName;
  private final Band band;
  private final int arity;
  private final TrustedOperation operation;
  private final Handler handler;

  Hypercall(
      int number,
      String callName,
      Band band,
      int arity,
      TrustedOperation operation,
      Handler handler) {
    this.number = number;
    this.callName = callName;
    this.band = band;
    this.arity = arity;
    this.operation = operation;
    this.handler = handler;
  }

  @Override
  public String callName() {
    return callName;
  }

  /** Returns the function id in x0. */
  @Override
  public long number() {
    return ID_BASE | number;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }

  /** Returns when it is allowed. */
  public Band band() {
    return band;
  }

  Handler handler() {
    return handler;
  }

  /** Finds a call by its function id, null if there is none. */
  public static @Nullable Hypercall of(long id) {
    long n = id - ID_BASE;
    return n >= 0 && n < ALL.length ? ALL[(int) n] : null;
  }
}
