package dev.cocovisor.tdx.module.td;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;

/**
 * TD_PARAMS, the 1024 bytes MNG.INIT reads.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_mng_init.c} for the order of checks; the limits are
 * those of a platform whose features are DEBUG, SEPT_VE_DISABLE, MIGRATABLE, PKS and PERFMON.
 *
 * @param attributes bit 0 DEBUG, 28 SEPT_VE_DISABLE
 * @param xfam extended features; bits 1:0 must be set
 * @param maxVcpus 1 to 576
 * @param numL2Vms 0 to 3
 * @param eptpControls memory type 6 and (levels - 1) at 5:3
 * @param configFlags bit 0 GPAW, 2 NO_RBP_MOD
 * @param tscFrequency in 25 MHz units, 4 to 400
 */
public record TdParams(
    long attributes,
    long xfam,
    int maxVcpus,
    int numL2Vms,
    long eptpControls,
    long configFlags,
    int tscFrequency) {
  /** Bytes of the structure, and its alignment. */
  public static final int SIZE = 1024;

  /** ATTRIBUTES: the TD can be debugged. */
  public static final long DEBUG = 1L;

  /** ATTRIBUTES: an access to a pending page exits instead of raising #VE. */
  public static final long SEPT_VE_DISABLE = 1L << 28;

  /** CONFIG_FLAGS: VP.VMCALL may not pass RBP. */
  public static final long NO_RBP_MOD = 1L << 2;

  /** The most vCPUs a TD can have. */
  public static final int MAX_VCPUS = 576;

  /** TDCX pages every TD needs. */
  public static final int MIN_TDCX = 6;

  /** Those of a TD before MNG.INIT. */
  public static final TdParams NONE = new TdParams(0, 0, 0, 0, 0, 0, 0);

  private static final long KNOWN_ATTRIBUTES =
      DEBUG | SEPT_VE_DISABLE | 1L << 29 | 1L << 30 | 1L << 63;
  private static final long XFAM_ALWAYS = 3L;
  private static final long KNOWN_XFAM = 0x61be7L;
  private static final int MAX_L2_VMS = 3;

  // Offsets of the fields that have no component here.
  private static final int MSR_CONFIG = 19;
  private static final int RESERVED_0 = 20;
  private static final int RESERVED_1 = 42;
  private static final int MR_CONFIG_ID = 80;
  private static final int RESERVED_2 = 224;
  private static final int CPUID = 256;

  /** Tells whether GPA bit 51 rather than 47 is the shared bit. */
  public boolean wide() {
    return (configFlags & 1) != 0;
  }

  /** Returns the levels of the Secure EPT, 4 or 5. */
  public int levels() {
    return (int) (eptpControls >>> 3 & 7) + 1;
  }

  /** Returns the GPA bit that tells shared from private. */
  public long sharedBit() {
    return wide() ? 1L << 51 : 1L << 47;
  }

  /** Tells whether an access to a pending page exits. */
  public boolean septVeDisable() {
    return (attributes & SEPT_VE_DISABLE) != 0;
  }

  /** Reads the structure from memory, byte layout of the module's {@code td_params_t}. */
  public static TdParams parse(byte[] raw) {
    return new TdParams(
        number(raw, 0, 8),
        number(raw, 8, 8),
        (int) number(raw, 16, 2),
        (int) number(raw, 18, 1),
        number(raw, 24, 8),
        number(raw, 32, 8),
        (int) number(raw, 40, 2));
  }

  /** Writes the structure; identities and CPUID values are zero. */
  public byte[] toBytes() {
    byte[] raw = new byte[SIZE];
    put(raw, 0, 8, attributes);
    put(raw, 8, 8, xfam);
    put(raw, 16, 2, maxVcpus);
    put(raw, 18, 1, numL2Vms);
    put(raw, 24, 8, eptpControls);
    put(raw, 32, 8, configFlags);
    put(raw, 40, 2, tscFrequency);
    return raw;
  }

  /** Checks everything in the module's order; {@code raw} holds reserved bytes and CPUID too. */
  public long check(byte[] raw, int tdcxPages) {
    if ((attributes & ~KNOWN_ATTRIBUTES) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.ATTRIBUTES);
    }
    if ((xfam & XFAM_ALWAYS) != XFAM_ALWAYS || (xfam & ~KNOWN_XFAM) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.XFAM);
    }
    if (maxVcpus < 1 || maxVcpus > MAX_VCPUS) {
      return SeamStatus.OPERAND_INVALID.with(Operand.MAX_VCPUS);
    }
    if (numL2Vms > MAX_L2_VMS) {
      return SeamStatus.OPERAND_INVALID.with(Operand.NUM_L2_VMS);
    }
    // Each nested VM needs one more TDCX page for its own tables' root.
    if (tdcxPages < MIN_TDCX + numL2Vms) {
      return SeamStatus.TDCS_NOT_ALLOCATED.code();
    }
    if (number(raw, RESERVED_0, 4) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    if ((configFlags & ~7) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.EXEC_CONTROLS);
    }
    boolean levelsOk = levels() == 5 || (levels() == 4 && !wide());
    if ((eptpControls & ~0x3fL) != 0 || (eptpControls & 7) != 6 || !levelsOk) {
      return SeamStatus.OPERAND_INVALID.with(Operand.EPTP);
    }
    if (tscFrequency < 4 || tscFrequency > 400) {
      return SeamStatus.OPERAND_INVALID.with(Operand.TSC_FREQUENCY);
    }
    boolean rest =
        zero(raw, RESERVED_1, MR_CONFIG_ID)
            && (raw[MSR_CONFIG] & ~1) == 0
            && zero(raw, RESERVED_2, CPUID);
    return rest ? CpuidConfig.check(raw, attributes) : SeamStatus.OPERAND_INVALID.with(Operand.RDX);
  }

  private static boolean zero(byte[] raw, int from, int to) {
    for (int i = from; i < to; i++) {
      if (raw[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static long number(byte[] raw, int at, int length) {
    long v = 0;
    for (int i = length - 1; i >= 0; i--) {
      v = v << 8 | (raw[at + i] & 0xff);
    }
    return v;
  }

  private static void put(byte[] raw, int at, int length, long value) {
    for (int i = 0; i < length; i++) {
      raw[at + i] = (byte) (value >>> (8 * i));
    }
  }
}
