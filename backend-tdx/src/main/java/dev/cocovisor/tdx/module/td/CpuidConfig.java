package dev.cocovisor.tdx.module.td;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;

/**
 * The CPUID leaves that TD_PARAMS can configure, and the bits of each.
 *
 * <p>A bit is <em>direct</em> (the TD sees what was asked for) or <em>allowed</em> (the TD sees
 * what was asked for where the processor has it); any other bit has to be zero. The rows stand in
 * the order in which the module numbers them, which is the order of TD_PARAMS' values and of the
 * leaves that KVM reports.
 *
 * <p>Source: TDX module 1.5.01, {@code include/auto_gen/cpuid_configurations.c},
 * cpuid_configurable; {@code tdh_mng_init.c}, read_and_set_cpuid_configurations; {@code
 * cpuid_fms.h}.
 */
public final class CpuidConfig {
  /** Leaves that can be configured. */
  public static final int COUNT = 12;

  /** Registers of a leaf: EAX, EBX, ECX, EDX. */
  public static final int REGISTERS = 4;

  /** What stands for the sub-leaf of a leaf that has none. */
  public static final long NO_SUBLEAF = 0xffff_ffffL;

  /** Family, model and stepping of the model's processor: Sapphire Rapids, as CPUID 1.EAX. */
  public static final long PLATFORM_FMS = 0x806f8;

  private static final int AT = 256;
  private static final int BYTES = 16;
  private static final int FEATURES = 5;

  /** Stands for two TSX bits that differ, which is told without a leaf. */
  private static final int TSX_PAIR = COUNT;

  private static final long HLE = 1L << 4;
  private static final long RTM = 1L << 11;
  private static final long MIGRATABLE = 1L << 29;

  // leaf, sub-leaf, direct EAX EBX ECX EDX, allowed EAX EBX ECX EDX
  private static final long[][] ROWS = {
    {1, NO_SUBLEAF, 0xfff3fff, 0xff0000, 0, 0, 0, 0, 0x31044d88, 0xb8440000L},
    {4, 0, 0xffffc3ffL, 0xfffff000L, 0xffffffffL, 0xfffffffbL, 0, 0, 0, 0},
    {4, 1, 0xffffc3ffL, 0xfffff000L, 0xffffffffL, 0xfffffffbL, 0, 0, 0, 0},
    {4, 2, 0xffffc3ffL, 0xfffff000L, 0xffffffffL, 0xfffffffbL, 0, 0, 0, 0},
    {4, 3, 0xffffc3ffL, 0xfffff000L, 0xffffffffL, 0x7, 0, 0, 0, 0},
    {7, 0, 0, 0, 0, 0, 0, 0xdc2b9b18L, 0x2417f65, 0x5411c},
    {7, 1, 0, 0, 0, 0, 0x1d30, 0, 0, 0},
    {0xa, NO_SUBLEAF, 0, 0, 0, 0, 0, 0, 0, 0},
    {0x1c, NO_SUBLEAF, 0, 0, 0, 0, 0xff, 0, 0, 0},
    {0x80000008L, NO_SUBLEAF, 0, 0, 0, 0, 0, 0x200, 0, 0},
    {7, 2, 0, 0, 0, 0, 0, 0, 0, 0x28},
    {0x23, 0, 0, 0, 0, 0, 0xf, 0, 0, 0},
  };

  private CpuidConfig() {}

  /** Returns the leaf of row {@code i}. */
  public static long leaf(int i) {
    return ROWS[i][0];
  }

  /** Returns the sub-leaf of row {@code i}, or {@link #NO_SUBLEAF}. */
  public static long subleaf(int i) {
    return ROWS[i][1];
  }

  /** Returns the direct bits of a register, 0 (EAX) to 3 (EDX), of row {@code i}. */
  public static long direct(int i, int register) {
    return ROWS[i][2 + register];
  }

  /** Returns the row of a leaf as the module numbers them, or -1 where it cannot be configured. */
  static int row(long leaf, long subleaf) {
    for (int i = 0; i < COUNT; i++) {
      if (leaf(i) == leaf && subleaf(i) == subleaf) {
        return i;
      }
    }
    return -1;
  }

  /** Returns the bits of a register that TD_PARAMS decide over, direct or allowed. */
  static long configurable(int i, int register) {
    return direct(i, register) | ROWS[i][2 + REGISTERS + register];
  }

  /** Writes a row's four values into TD_PARAMS. */
  public static void put(byte[] params, int i, long[] values) {
    for (int r = 0; r < REGISTERS; r++) {
      for (int b = 0; b < 4; b++) {
        params[at(i, r) + b] = (byte) (values[r] >>> (8 * b));
      }
    }
  }

  /**
   * Checks the values and the reserved bytes behind them.
   *
   * @param params the 1024 bytes of TD_PARAMS
   * @param attributes the TD's
   * @return what is wrong, or 0
   */
  static long check(byte[] params, long attributes) {
    if (refused(params, attributes) >= 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.CPUID_CONFIG);
    }
    for (int i = AT + COUNT * BYTES; i < params.length; i++) {
      if (params[i] != 0) {
        return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
      }
    }
    return 0;
  }

  /** Returns what RCX says of a refusal: the leaf, and the sub-leaf above it; 0 for none. */
  public static long detail(byte[] params, long attributes) {
    int i = refused(params, attributes);
    return i < 0 || i == TSX_PAIR ? 0 : leaf(i) | subleaf(i) << 32;
  }

  /** Finds the first row whose values the module refuses; -1 for none. */
  private static int refused(byte[] params, long attributes) {
    for (int i = 0; i < COUNT; i++) {
      for (int r = 0; r < REGISTERS; r++) {
        if ((get(params, i, r) & ~(direct(i, r) | ROWS[i][2 + REGISTERS + r])) != 0) {
          return i;
        }
      }
      if (i == 0 && !version(get(params, 0, 0), attributes)) {
        return i;
      }
      if (i == FEATURES && differ(get(params, i, 1))) {
        return TSX_PAIR;
      }
    }
    return -1;
  }

  /** A TD that cannot migrate sees the processor it runs on; 0 asks for that too. */
  private static boolean version(long eax, long attributes) {
    return eax == 0 || eax == PLATFORM_FMS || (attributes & MIGRATABLE) != 0;
  }

  /** The processor has both halves of TSX, so a TD that sees one of them asked for that. */
  private static boolean differ(long features) {
    return ((features & HLE) != 0) != ((features & RTM) != 0);
  }

  private static int at(int i, int register) {
    return AT + i * BYTES + 4 * register;
  }

  static long get(byte[] params, int i, int register) {
    long v = 0;
    for (int b = 3; b >= 0; b--) {
      v = v << 8 | (params[at(i, register) + b] & 0xff);
    }
    return v;
  }
}
