package dev.cocovisor.tdx.module;

/**
 * A TD's operation states as bits of a set; bit n is state n.
 *
 * <p>Source: TDX module 1.5.01, {@code op_state_lookup.h}. Only the first three are reached by the
 * calls modelled here; the migration states keep the tables whole.
 */
final class OpState {
  static final int UNINITIALIZED = 1;
  static final int INITIALIZED = 1 << 1;
  static final int RUNNABLE = 1 << 2;
  static final int LIVE_EXPORT = 1 << 3;
  static final int PAUSED_EXPORT = 1 << 4;
  static final int POST_EXPORT = 1 << 5;
  static final int MEMORY_IMPORT = 1 << 6;
  static final int STATE_IMPORT = 1 << 7;
  static final int POST_IMPORT = 1 << 8;
  static final int LIVE_IMPORT = 1 << 9;
  static final int FAILED_IMPORT = 1 << 10;

  static final int ANY = (1 << 11) - 1;
  static final int INITIALIZED_ON = ANY & ~UNINITIALIZED;
  static final int BUILD_OR_RUN = INITIALIZED | RUNNABLE;
  static final int IMPORTING = MEMORY_IMPORT | STATE_IMPORT | POST_IMPORT | LIVE_IMPORT;
  static final int NO_EARLY_IMPORT =
      BUILD_OR_RUN | LIVE_EXPORT | PAUSED_EXPORT | POST_EXPORT | POST_IMPORT | LIVE_IMPORT;

  /** States in which a vCPU may be running, so that TLB tracking is enforced. */
  private static final int TRACKED = RUNNABLE | LIVE_EXPORT | LIVE_IMPORT;

  private OpState() {}

  static boolean tracked(int state) {
    return (TRACKED >>> state & 1) != 0;
  }
}
