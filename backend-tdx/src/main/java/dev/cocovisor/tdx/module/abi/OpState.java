package dev.cocovisor.tdx.module.abi;

/**
 * A TD's operation states as bits of a set; bit n is state n.
 *
 * <p>Source: TDX module 1.5.01, {@code op_state_lookup.h}. Only the first three are reached by the
 * calls modelled here; the migration states keep the tables whole.
 */
public final class OpState {

  /** Created, not initialised. */
  public static final int UNINITIALIZED = 1;

  /** Being built. */
  public static final int INITIALIZED = 1 << 1;

  /** Finalised. */
  public static final int RUNNABLE = 1 << 2;

  /** Exported while it runs. */
  public static final int LIVE_EXPORT = 1 << 3;

  /** Exported and paused. */
  public static final int PAUSED_EXPORT = 1 << 4;

  /** Exported. */
  public static final int POST_EXPORT = 1 << 5;

  /** Its memory is imported. */
  public static final int MEMORY_IMPORT = 1 << 6;

  /** Its state is imported. */
  public static final int STATE_IMPORT = 1 << 7;

  /** Imported, not running yet. */
  public static final int POST_IMPORT = 1 << 8;

  /** Imported while it runs. */
  public static final int LIVE_IMPORT = 1 << 9;

  /** Its import failed. */
  public static final int FAILED_IMPORT = 1 << 10;

  /** Every state. */
  public static final int ANY = (1 << 11) - 1;

  /** Every state but the first. */
  public static final int INITIALIZED_ON = ANY & ~UNINITIALIZED;

  /** Being built or running. */
  public static final int BUILD_OR_RUN = INITIALIZED | RUNNABLE;

  /** The states of an import. */
  public static final int IMPORTING = MEMORY_IMPORT | STATE_IMPORT | POST_IMPORT | LIVE_IMPORT;

  /** Every state in which the TD has its memory. */
  public static final int NO_EARLY_IMPORT =
      BUILD_OR_RUN | LIVE_EXPORT | PAUSED_EXPORT | POST_EXPORT | POST_IMPORT | LIVE_IMPORT;

  /** States in which a vCPU may be running, so that TLB tracking is enforced. */
  private static final int TRACKED = RUNNABLE | LIVE_EXPORT | LIVE_IMPORT;

  private OpState() {}

  /** Tells whether a vCPU may be running in a state, so that tracking is enforced. */
  public static boolean tracked(int state) {
    return (TRACKED >>> state & 1) != 0;
  }
}
