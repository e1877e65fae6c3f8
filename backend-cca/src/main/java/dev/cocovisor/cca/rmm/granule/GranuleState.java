package dev.cocovisor.cca.rmm.granule;

import dev.cocovisor.api.view.EntryKind;

/**
 * The roles of a granule, in TF-RMM's order.
 *
 * <p>Kept as bytes in {@link GranuleTable}; this enum names them for tests, logs and guards.
 */
public enum GranuleState {
  /** Ordinary memory of the normal world. */
  NS,
  /** Given to the Realm world, in no use, all zero. */
  DELEGATED,
  /** A realm's descriptor; its reference count is the number of RECs. */
  RD,
  /** A REC; its count is 1 while it runs. */
  REC,
  /** Auxiliary memory of a REC. */
  REC_AUX,
  /** A realm's memory. */
  DATA,
  /** A translation table; its count is the number of TABLE and ASSIGNED entries. */
  RTT,
  /** An object (a REC) whose creation or destruction is an operation that is not finished. */
  PARTIAL;

  public static final byte S_NS = 0;
  public static final byte S_DELEGATED = 1;
  public static final byte S_RD = 2;
  public static final byte S_REC = 3;
  public static final byte S_REC_AUX = 4;
  public static final byte S_DATA = 5;
  public static final byte S_RTT = 6;
  public static final byte S_PARTIAL = 7;

  /** Returns what the state means for whoever does not know the RMM's words. */
  EntryKind kind() {
    return switch (this) {
      case NS -> EntryKind.EMPTY;
      case DELEGATED -> EntryKind.BLOCKED;
      case DATA -> EntryKind.PRIVATE;
      case RD, REC, REC_AUX, RTT, PARTIAL -> EntryKind.CONTROL;
    };
  }

  private static final GranuleState[] BY_NUMBER = values();

  public static GranuleState of(byte number) {
    return BY_NUMBER[number];
  }
}
