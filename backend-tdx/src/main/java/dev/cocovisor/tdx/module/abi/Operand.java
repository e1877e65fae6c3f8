package dev.cocovisor.tdx.module.abi;

/**
 * Operand ids that a completion status carries in its low half to say which operand or lock it
 * complains of (TDX module 1.5.01, {@code OPERAND_ID_*}).
 */
public final class Operand {
  /** Register RAX. */
  public static final int RAX = 0;

  /** Register RCX. */
  public static final int RCX = 1;

  /** Register RDX. */
  public static final int RDX = 2;

  /** Register R8. */
  public static final int R8 = 8;

  /** Register R9. */
  public static final int R9 = 9;

  /** Register R10. */
  public static final int R10 = 10;

  /** Register R11. */
  public static final int R11 = 11;

  /** Register R12. */
  public static final int R12 = 12;

  /** TD_PARAMS.ATTRIBUTES. */
  public static final int ATTRIBUTES = 64;

  /** TD_PARAMS.XFAM. */
  public static final int XFAM = 65;

  /** TD_PARAMS.CONFIG_FLAGS. */
  public static final int EXEC_CONTROLS = 66;

  /** TD_PARAMS.EPTP_CONTROLS. */
  public static final int EPTP = 67;

  /** TD_PARAMS.MAX_VCPUS. */
  public static final int MAX_VCPUS = 68;

  /** TD_PARAMS.CPUID_CONFIG. */
  public static final int CPUID_CONFIG = 69;

  /** TD_PARAMS.TSC_FREQUENCY. */
  public static final int TSC_FREQUENCY = 70;

  /** TD_PARAMS.NUM_L2_VMS. */
  public static final int NUM_L2_VMS = 71;

  /** A TDR found through another page. */
  public static final int TDR = 128;

  /** The Secure-EPT tree lock. */
  public static final int SEPT_TREE = 146;

  /** The TD epoch lock. */
  public static final int TD_EPOCH = 169;

  /** The operation-state lock. */
  public static final int OP_STATE = 172;

  /** The key ownership table. */
  public static final int KOT = 186;

  /** The cache write-back state of a package. */
  public static final int WBCACHE = 188;

  private Operand() {}
}
