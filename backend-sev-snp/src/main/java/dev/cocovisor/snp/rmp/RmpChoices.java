package dev.cocovisor.snp.rmp;

/**
 * Every place where the public documents on the RMP are silent or contradict each other, with the
 * reading taken here and the other one.
 *
 * <p>Nothing else in this package decides such a point. {@link #DEFAULT} is what the model uses; a
 * test or a user who knows better passes another.
 *
 * @param psmashNot2m EAX of PSMASH for a page that is no assigned 2 MiB entry
 * @param pvalidateVmpl what PVALIDATE does above VMPL 0
 * @param sizemOnAccess whether an ordinary access through a 4 KiB nested mapping of a 2 MiB entry
 *     reports SIZEM
 * @param headCounts whether a 2 MiB RMPUPDATE overlaps an assigned 4 KiB entry at the head itself
 * @param contention EAX of RMPUPDATE when another processor changes another entry of the same 2 MiB
 */
public record RmpChoices(
    int psmashNot2m,
    VmplFailure pvalidateVmpl,
    boolean sizemOnAccess,
    boolean headCounts,
    int contention) {

  /** What a privileged guest instruction does at the wrong VMPL. */
  public enum VmplFailure {
    /** Faults with #GP, inferred from the absence of a code. */
    GENERAL_PROTECTION,
    /** Leaves FAIL_PERMISSION (2) in EAX, as one third-party header lists. */
    FAIL_PERMISSION
  }

  /** PSMASH on something else than a 2 MiB entry, by the compiler vendor's table. */
  public static final int PSMASH_NOT_2M_BY_INTRINSIC = RmpCode.FAIL_NOT_2M;

  /** The same by AMD's kernel patches of 2021, which name code 4 PSMASH_FAIL_BADADDR. */
  public static final int PSMASH_NOT_2M_BY_PATCHES = RmpCode.FAIL_OVERLAP;

  /** SIZEM belongs to PVALIDATE and RMPADJUST only (the error code's description). */
  public static final boolean SIZEM_FOR_INSTRUCTIONS_ONLY = false;

  /** SIZEM on every page-size mismatch. */
  public static final boolean SIZEM_FOR_ACCESSES_TOO = true;

  /** The head's sub-page count, which covers the other 511 entries, decides alone. */
  public static final boolean OVERLAP_BY_COUNT = false;

  /** An assigned 4 KiB entry at the head overlaps as well. */
  public static final boolean OVERLAP_WITH_HEAD = true;

  /** Contention in a 2 MiB region is reported as overlap: the case Linux retries. */
  public static final int CONTENTION_AS_OVERLAP = RmpCode.FAIL_OVERLAP;

  /** Contention in a 2 MiB region is reported as in use. */
  public static final int CONTENTION_AS_INUSE = RmpCode.FAIL_INUSE;

  /** The readings the model takes. */
  public static final RmpChoices DEFAULT =
      new RmpChoices(
          PSMASH_NOT_2M_BY_INTRINSIC,
          VmplFailure.GENERAL_PROTECTION,
          SIZEM_FOR_INSTRUCTIONS_ONLY,
          OVERLAP_BY_COUNT,
          CONTENTION_AS_OVERLAP);
}
