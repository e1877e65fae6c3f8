package dev.cocovisor.snp.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import java.util.List;

/**
 * The actions of an SNP guest, built by name.
 *
 * <p>Loads and stores are the core's {@link GuestAction.Read} and {@link GuestAction.Write}, whose
 * {@code encrypted} is the C-bit. Addresses are guest-physical bytes.
 */
public final class SnpActions {
  /** Exit code of an AP jump table request: SW_EXITINFO1 0 sets it, 1 asks for it. */
  public static final long AP_JUMP_TABLE = 0x8000_0005L;

  /** Exit code that asks for the hypervisor's features. */
  public static final long HV_FEATURES = 0x8000_fffdL;

  private SnpActions() {}

  /** PVALIDATE: {@code guest_pvalidate(vcpu, {gpa, size, validate})}; ends with rax and cf. */
  public static GuestAction.Vendor pvalidate(long gpa, boolean huge, boolean validate) {
    return new GuestAction.Vendor(
        "pvalidate",
        new Fields().put("gpa", gpa).put("size", huge ? 1 : 0).put("validate", validate ? 1 : 0));
  }

  /** RMPADJUST: {@code guest_rmpadjust(vcpu, {gpa, size, vmpl, perms, vmsa})}; ends with rax. */
  public static GuestAction.Vendor rmpadjust(
      long gpa, boolean huge, int vmpl, int perms, boolean vmsa) {
    return new GuestAction.Vendor(
        "rmpadjust",
        new Fields()
            .put("gpa", gpa)
            .put("size", huge ? 1 : 0)
            .put("vmpl", vmpl)
            .put("perms", perms)
            .put("vmsa", vmsa ? 1 : 0));
  }

  /** RMPQUERY: {@code guest_rmpquery(vcpu, {gpa, vmpl})}; ends with rax, rcx and rdx. */
  public static GuestAction.Vendor rmpquery(long gpa, int vmpl) {
    return new GuestAction.Vendor("rmpquery", new Fields().put("gpa", gpa).put("vmpl", vmpl));
  }

  /**
   * Validates a range, 2 MiB first: {@code guest_validate(vcpu, {gpa, npages, validate})}; ends
   * with rax (0, 255 for an unchanged page), huge and small, the pages of each size.
   */
  public static GuestAction.Vendor validate(long gpa, long npages, boolean validate) {
    return new GuestAction.Vendor(
        "validate",
        new Fields().put("gpa", gpa).put("npages", npages).put("validate", validate ? 1 : 0));
  }

  /** Switches the vCPU to a VMPL: {@code guest_vmpl(vcpu, {vmpl})}. */
  public static GuestAction.Vendor vmpl(int vmpl) {
    return new GuestAction.Vendor("vmpl", new Fields().put("vmpl", vmpl));
  }

  /**
   * VMGEXIT with whatever is in the GHCB MSR and the GHCB: {@code guest_vmgexit(vcpu, {ghcb, usage,
   * exit_code, exitinfo1, exitinfo2, rax, scratch, entries})}. {@code ghcb} is the MSR's value, the
   * registered GHCB where it is not given; with any of its 12 low bits set it is a request of the
   * MSR protocol. A field that is not given is not marked valid.
   */
  public static GuestAction.Vendor vmgexit(Fields ghcb) {
    return new GuestAction.Vendor("vmgexit", ghcb);
  }

  /** As {@link #vmgexit}, with the three fields that every event needs. */
  public static GuestAction.Vendor event(long code, long info1, long info2) {
    return vmgexit(
        new Fields().put("exit_code", code).put("exitinfo1", info1).put("exitinfo2", info2));
  }

  /** Registers the GHCB: {@code guest_ghcb_register(vcpu, {gfn})}. */
  public static GuestAction.Vendor registerGhcb(long gfn) {
    return new GuestAction.Vendor("ghcb_register", new Fields().put("gfn", gfn));
  }

  /**
   * Page state change by the MSR protocol: {@code guest_psc_msr(vcpu, {gfn, op})}; op 1 private, 2
   * shared. Ends with ghcb_msr, usually after KVM_EXIT_HYPERCALL and {@link #resume}.
   */
  public static GuestAction.Vendor pageStateMsr(long gfn, int op) {
    return new GuestAction.Vendor("psc_msr", new Fields().put("gfn", gfn).put("op", op));
  }

  /**
   * Page state change by buffer: {@code guest_psc(vcpu, {cur_entry, end_entry, entries=[{gfn, op,
   * size, cur_page}, …]})}. Ends with exitinfo2 and cur_entry.
   */
  public static GuestAction.Vendor pageState(int curEntry, int endEntry, List<Fields> entries) {
    return new GuestAction.Vendor(
        "psc",
        new Fields()
            .put("cur_entry", curEntry)
            .put("end_entry", endEntry)
            .putAny("entries", List.copyOf(entries)));
  }

  /**
   * AP creation: {@code guest_ap_creation(vcpu, {request, apic_id, rax, vmsa})}; request 0 create
   * on INIT, 1 create, 2 destroy. Ends with exitinfo1 and exitinfo2.
   *
   * @param features the features the guest believes to have, compared with the VM's
   * @param vmsa guest address of the save area, bytes
   */
  public static GuestAction.Vendor apCreation(int request, int apicId, long features, long vmsa) {
    return new GuestAction.Vendor(
        "ap_creation",
        new Fields()
            .put("request", request)
            .put("apic_id", apicId)
            .put("rax", features)
            .put("vmsa", vmsa));
  }

  /** Sends INIT and SIPI to another vCPU: {@code guest_init_sipi(vcpu, {apic_id})}. */
  public static GuestAction.Vendor initSipi(int apicId) {
    return new GuestAction.Vendor("init_sipi", new Fields().put("apic_id", apicId));
  }

  /** One entry of {@link #pageState}. */
  public static Fields entry(long gfn, int op, boolean huge, int curPage) {
    return new Fields()
        .put("gfn", gfn)
        .put("op", op)
        .put("size", huge ? 1 : 0)
        .put("cur_page", curPage);
  }

  /** Goes on after user space answered: {@code guest_psc_resume(vcpu, {ret})}. */
  public static GuestAction.Vendor resume(long ret) {
    return new GuestAction.Vendor("psc_resume", new Fields().put("ret", ret));
  }
}
