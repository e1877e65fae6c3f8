package dev.cocovisor.cca.rmm;

import org.jspecify.annotations.Nullable;

/** The commands of RMI 1.0: function identifiers and register counts. */
public enum RmiCommand {
  VERSION(0, 1, 2),
  GRANULE_DELEGATE(1, 1, 0),
  GRANULE_UNDELEGATE(2, 1, 0),
  DATA_CREATE(3, 5, 0),
  DATA_CREATE_UNKNOWN(4, 3, 0),
  DATA_DESTROY(5, 2, 2),
  REALM_ACTIVATE(7, 1, 0),
  REALM_CREATE(8, 2, 0),
  REALM_DESTROY(9, 1, 0),
  REC_CREATE(0xa, 3, 0),
  REC_DESTROY(0xb, 1, 0),
  REC_ENTER(0xc, 2, 0),
  RTT_CREATE(0xd, 4, 0),
  RTT_DESTROY(0xe, 3, 2),
  RTT_MAP_UNPROTECTED(0xf, 4, 0),
  RTT_READ_ENTRY(0x11, 3, 4),
  RTT_UNMAP_UNPROTECTED(0x12, 3, 1),
  PSCI_COMPLETE(0x14, 3, 0),
  FEATURES(0x15, 1, 1),
  RTT_FOLD(0x16, 3, 1),
  REC_AUX_COUNT(0x17, 1, 1),
  RTT_INIT_RIPAS(0x18, 3, 1),
  RTT_SET_RIPAS(0x19, 4, 1);

  /** The first function identifier of the range. */
  public static final long FID_BASE = 0xC400_0150L;

  private static final @Nullable RmiCommand[] BY_NUMBER = new @Nullable RmiCommand[0x20];

  static {
    for (RmiCommand c : values()) {
      BY_NUMBER[c.number] = c;
    }
  }

  private final int number;
  private final int inputs;
  private final int outputs;

  RmiCommand(int number, int inputs, int outputs) {
    this.number = number;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /** Returns the SMC function identifier. */
  public long fid() {
    return FID_BASE + number;
  }

  /** Returns how many registers from x1 are inputs. */
  public int inputs() {
    return inputs;
  }

  /** Returns how many registers from x1 are outputs. */
  public int outputs() {
    return outputs;
  }

  /** Finds a command by its identifier; null if RMI 1.0 has none. */
  public static @Nullable RmiCommand of(long fid) {
    long n = fid - FID_BASE;
    return n >= 0 && n < BY_NUMBER.length ? BY_NUMBER[(int) n] : null;
  }
}
