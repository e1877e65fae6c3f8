package dev.cocovisor.cca.rmm;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import org.jspecify.annotations.Nullable;

/** The commands of RMI 1.0: function identifiers and register counts. */
public enum RmiCommand implements TrustedCall {
  VERSION(0, 1, 2, TrustedOperation.OTHER),
  GRANULE_DELEGATE(1, 1, 0, TrustedOperation.OTHER),
  GRANULE_UNDELEGATE(2, 1, 0, TrustedOperation.RECLAIM),
  DATA_CREATE(3, 5, 0, TrustedOperation.POPULATE),
  DATA_CREATE_UNKNOWN(4, 3, 0, TrustedOperation.MAP),
  DATA_DESTROY(5, 2, 2, TrustedOperation.UNMAP),
  REALM_ACTIVATE(7, 1, 0, TrustedOperation.FINALIZE),
  REALM_CREATE(8, 2, 0, TrustedOperation.CREATE),
  REALM_DESTROY(9, 1, 0, TrustedOperation.RECLAIM),
  REC_CREATE(0xa, 3, 0, TrustedOperation.VCPU),
  REC_DESTROY(0xb, 1, 0, TrustedOperation.RECLAIM),
  REC_ENTER(0xc, 2, 0, TrustedOperation.ENTER),
  RTT_CREATE(0xd, 4, 0, TrustedOperation.LINK),
  RTT_DESTROY(0xe, 3, 2, TrustedOperation.UNMAP),
  RTT_MAP_UNPROTECTED(0xf, 4, 0, TrustedOperation.MAP),
  RTT_READ_ENTRY(0x11, 3, 4, TrustedOperation.OTHER),
  RTT_UNMAP_UNPROTECTED(0x12, 3, 1, TrustedOperation.UNMAP),
  PSCI_COMPLETE(0x14, 3, 0, TrustedOperation.OTHER),
  FEATURES(0x15, 1, 1, TrustedOperation.OTHER),
  RTT_FOLD(0x16, 3, 1, TrustedOperation.MERGE),
  REC_AUX_COUNT(0x17, 1, 1, TrustedOperation.OTHER),
  RTT_INIT_RIPAS(0x18, 3, 1, TrustedOperation.OTHER),
  RTT_SET_RIPAS(0x19, 4, 1, TrustedOperation.TRACK);

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
  private final TrustedOperation operation;
  private final String callName = "RMI_" + name();

  RmiCommand(int number, int inputs, int outputs, TrustedOperation operation) {
    this.number = number;
    this.inputs = inputs;
    this.outputs = outputs;
    this.operation = operation;
  }

  @Override
  public String callName() {
    return callName;
  }

  @Override
  public long number() {
    return fid();
  }

  @Override
  public int arity() {
    return inputs;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
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
