package dev.cocovisor.tdx.module.td;

/**
 * What a TD finds in CPUID, leaf by leaf, settled by MNG.INIT and read back by MNG.RD.
 *
 * <p>A row's bits are the processor's where the module demands a value of it, the module's where it
 * fixes one, and TD_PARAMS' where {@link CpuidConfig} lets them be configured; XFAM, ATTRIBUTES and
 * the frequency of the time stamp counter decide over some. What a processor may have beyond that
 * is none of the model's: such bits are 0, the sizes of XSAVE areas among them. A leaf that faults
 * in the guest cannot be read.
 *
 * <p>Source: TDX module 1.5.01, {@code include/auto_gen/cpuid_configurations.c}, cpuid_lookup and
 * the xfam_mask tables; {@code tdh_mng_init.c}, read_and_set_cpuid_configurations; {@code
 * metadata_td.c}, md_td_get_element; {@code helpers.c}, get_cpuid_lookup_entry.
 */
public final class CpuidValues {
  /** Answer of {@link #find}: the module has no such leaf. */
  public static final int NONE = -1;

  private static final int REGISTERS = CpuidConfig.REGISTERS;
  private static final long NA = CpuidConfig.NO_SUBLEAF;

  private static final int MAX_LEAF = 0x23;
  private static final long VERSION = 1;
  private static final long FEATURES = 7;
  private static final long PERFMON = 0xa;
  private static final long XSTATE = 0xd;
  private static final long TSC = 0x15;
  private static final long EXTENDED = 0x80000000L;
  private static final long ADDRESSES = 0x80000008L;

  private static final long PERFMON_ATTRIBUTE = 1L << 63;
  private static final long PKS_ATTRIBUTE = 1L << 30;
  private static final long PKS = 1L << 31;
  private static final long LA57 = 1L << 16;
  private static final long AVX = 1L << 2;
  private static final long AVX_FEATURES = 0x30001000;

  /** XFAM bits that XCR0 has on the model's processor. */
  private static final long XCR0 = 0x602e7;

  /** Control-flow enforcement, user and supervisor: the ones of XSS that the module reports. */
  private static final long CET = 3L << 11;

  /** Leaf, sub-leaf, EAX to EDX where they are not configured. */
  private static final long[][] ROWS = {
    {0, NA, MAX_LEAF, 0x756e6547, 0x6c65746e, 0x49656e69},
    {VERSION, NA, 0, 0x800, 0xc7faa217L, 0x1fa9fbff},
    {3, NA},
    {4, 0, 0, 0x3f},
    {4, 1, 0, 0x3f},
    {4, 2, 0, 0x3f},
    {4, 3, 0x60, 0x3f},
    {4, 4},
    {5, NA},
    {FEATURES, 0, 2, 0x219424c1, 0x99000000L, 0xfc080400L},
    {FEATURES, 1},
    {FEATURES, 2, 0, 0, 0, 0x17},
    {8, NA},
    {PERFMON, NA, 0x800, 0, 0, 0x8000},
    {XSTATE, 0, XCR0},
    {XSTATE, 1, 0xf, 0, CET},
    {XSTATE, 2},
    {XSTATE, 3},
    {XSTATE, 4},
    {XSTATE, 5},
    {XSTATE, 6},
    {XSTATE, 7},
    {XSTATE, 8},
    {XSTATE, 9},
    {XSTATE, 10},
    {XSTATE, 11},
    {XSTATE, 12},
    {XSTATE, 13},
    {XSTATE, 14},
    {XSTATE, 15},
    {XSTATE, 16},
    {XSTATE, 17},
    {XSTATE, 18},
    {0xe, NA},
    {0x11, NA},
    {0x12, NA},
    {0x13, NA},
    {0x14, 0},
    {0x14, 1},
    {TSC, NA, 1, 0, 25_000_000},
    {0x19, NA},
    {0x1c, NA},
    {0x1d, 0},
    {0x1d, 1},
    {0x1e, NA},
    {0x20, NA},
    {0x21, 0, 0, 0x65746e49, 0x20202020, 0x5844546c},
    {0x22, NA},
    {MAX_LEAF, 0},
    {MAX_LEAF, 1},
    {MAX_LEAF, 2},
    {MAX_LEAF, 3},
    {EXTENDED, NA, ADDRESSES},
    {EXTENDED | 1, NA, 0, 0, 0x121, 0x2c100000},
    {EXTENDED | 7, NA, 0, 0, 0, 0x100},
    {ADDRESSES, NA, 0x34, 0x200},
  };

  /** XFAM bits and what of leaf 7.0 (EBX, ECX, EDX) and 7.1 (EAX) needs all of them. */
  private static final long[][] FEATURE_MASKS = {
    {1L << 2, 0x20, 0x600, 0, 0},
    {7L << 5, 0xdc230000L, 0x5842, 0x80010c, 0x30},
    {1L << 8, 0x2000000, 0, 0, 0},
    {1L << 9, 0, 8, 0, 0},
    {CET, 0, 0x80, 0x100000, 0},
    {1L << 14, 0, 0, 0x20, 0},
    {1L << 15, 0, 0, 0x80000, 0},
    {3L << 17, 0, 0, 0x3400000, 0},
  };

  /** Leaves that are the module's, but fault in the guest: leaf and last sub-leaf. */
  private static final long[][] FAULTING = {
    {6, NA}, {0x1f, 5}, {EXTENDED | 6, NA},
  };

  private final int[] values;

  private CpuidValues(int[] values) {
    this.values = values;
  }

  /** Settles what a TD finds, of TD_PARAMS that were checked. */
  static CpuidValues of(byte[] raw, TdParams params) {
    int[] values = new int[ROWS.length * REGISTERS];
    for (int row = 0; row < ROWS.length; row++) {
      long[] v = configured(raw, row);
      settle(row, v, params);
      for (int r = 0; r < REGISTERS; r++) {
        values[row * REGISTERS + r] = (int) v[r];
      }
    }
    int address = find(ADDRESSES, NA);
    boolean wide = (values[find(FEATURES, 0) * REGISTERS + 2] & LA57) != 0;
    values[address * REGISTERS] |= (wide ? 57 : 48) << 8;
    return new CpuidValues(values);
  }

  private static long[] configured(byte[] raw, int row) {
    long[] v = new long[REGISTERS];
    int config = CpuidConfig.row(ROWS[row][0], ROWS[row][1]);
    for (int r = 0; r < REGISTERS; r++) {
      v[r] = 2 + r < ROWS[row].length ? ROWS[row][2 + r] : 0;
      if (config >= 0) {
        long free = CpuidConfig.configurable(config, r);
        v[r] = (v[r] & ~free) | (CpuidConfig.get(raw, config, r) & free);
      }
    }
    return v;
  }

  /** What other parts of TD_PARAMS decide. */
  private static void settle(int row, long[] v, TdParams params) {
    long leaf = ROWS[row][0];
    long xfam = params.xfam();
    if (leaf == VERSION) {
      v[0] = v[0] == 0 ? CpuidConfig.PLATFORM_FMS : v[0];
      v[2] &= (xfam & AVX) == 0 ? ~AVX_FEATURES : -1;
    } else if (leaf == FEATURES) {
      features(ROWS[row][1], v, xfam);
      if (ROWS[row][1] == 0 && (params.attributes() & PKS_ATTRIBUTE) != 0) {
        v[2] |= PKS;
      } else if (ROWS[row][1] == 0) {
        v[2] &= ~PKS;
      }
    } else if (leaf == PERFMON && (params.attributes() & PERFMON_ATTRIBUTE) == 0) {
      java.util.Arrays.fill(v, 0);
    } else if (leaf == XSTATE && ROWS[row][1] == 0) {
      v[0] &= xfam;
    } else if (leaf == XSTATE && ROWS[row][1] == 1) {
      v[2] &= (xfam & CET) == CET ? -1 : ~CET;
    } else if (leaf == TSC) {
      v[1] = params.tscFrequency();
    }
  }

  private static void features(long subleaf, long[] v, long xfam) {
    for (long[] mask : FEATURE_MASKS) {
      if ((xfam & mask[0]) != mask[0]) {
        if (subleaf == 0) {
          v[1] &= ~mask[1];
          v[2] &= ~mask[2];
          v[3] &= ~mask[3];
        } else if (subleaf == 1) {
          v[0] &= ~mask[4];
        }
      }
    }
  }

  /**
   * Finds a leaf that can be read.
   *
   * @param subleaf the sub-leaf, or {@link CpuidConfig#NO_SUBLEAF}; a row without one stands for
   *     all
   * @return its row, or {@link #NONE}
   */
  public static int find(long leaf, long subleaf) {
    for (int row = 0; row < ROWS.length; row++) {
      if (ROWS[row][0] == leaf && (ROWS[row][1] == NA || ROWS[row][1] == subleaf)) {
        return row;
      }
    }
    return NONE;
  }

  /** Tells whether the module has a leaf that faults in the guest, so that nobody can read it. */
  public static boolean faults(long leaf, long subleaf) {
    for (long[] f : FAULTING) {
      if (f[0] == leaf && (f[1] == NA || subleaf <= f[1])) {
        return true;
      }
    }
    return false;
  }

  /** Returns one of the two halves of a row: EAX and EBX, or ECX and EDX, the first one low. */
  public long half(int row, int element) {
    int at = row * REGISTERS + 2 * element;
    return (values[at] & 0xffff_ffffL) | (long) values[at + 1] << 32;
  }
}
