package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.PageLevel;

/** Says in words why the RMP refuses an access or an entry; for traces, never on a hot path. */
public final class RmpReasons {
  private final Rmp rmp;

  /** Creates the reasons of a table. */
  public RmpReasons(Rmp rmp) {
    this.rmp = rmp;
  }

  /**
   * Says why an SNP guest's access with the C-bit, or its instruction, ended as it did.
   *
   * @param cpu who made it
   * @param gpa the guest address, bytes
   * @param pfn the frame that the nested table names, or -1
   * @param nested2m whether the nested mapping is 2 MiB or larger
   * @param outcome the {@link RmpOutcome}
   */
  public String access(CpuMode cpu, long gpa, long pfn, boolean nested2m, long outcome) {
    if (pfn < 0) {
      return "gpa " + hex(gpa) + " is not mapped";
    }
    String owner = owner(pfn, gpa, cpu.asid());
    if (owner != null) {
      return owner;
    }
    if (RmpOutcome.isVc(outcome)) {
      return "gpa " + hex(gpa) + " is not validated";
    }
    if (RmpOutcome.isNestedFault(outcome)
        && (RmpOutcome.errorCode(outcome) & RmpOutcome.VMPL) != 0) {
      return "VMPL" + cpu.vmpl() + " has no permission";
    }
    boolean huge = rmp.huge(pfn);
    return RmpOutcome.isNestedFault(outcome) || RmpOutcome.isCompleted(outcome)
        ? "the RMP entry has "
            + (huge ? "2 MiB" : "4 KiB")
            + ", the nested mapping "
            + (nested2m ? "2 MiB" : "4 KiB")
        : RmpOutcome.describe(outcome);
  }

  /**
   * Says why VMRUN refuses an SNP guest's save area.
   *
   * @param vmsa its frame
   * @param gpa the address under which the guest has it
   */
  public String saveArea(long vmsa, long gpa, int asid) {
    String owner = owner(vmsa, gpa, asid);
    return owner != null ? owner : "pfn " + hex(vmsa) + " is no VMSA in the RMP";
  }

  private @org.jspecify.annotations.Nullable String owner(long pfn, long gpa, int asid) {
    String frame = "pfn " + hex(pfn);
    if (!rmp.covers(pfn)) {
      return frame + " is not covered by the RMP";
    }
    RmpEntry e = rmp.entry(pfn);
    if (!e.assigned()) {
      return frame + " is the hypervisor's";
    }
    if (e.asid() != asid) {
      return frame
          + (e.asid() == 0 ? " is the firmware's" : " is assigned to ASID " + e.asid())
          + ", the guest has ASID "
          + asid;
    }
    if (e.gpa() >>> PageLevel.PAGE_SHIFT != gpa >>> PageLevel.PAGE_SHIFT) {
      return frame + " was given to the guest as gpa " + hex(e.gpa());
    }
    return e.immutable() ? frame + " is immutable: " + e.state() : null;
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }
}
