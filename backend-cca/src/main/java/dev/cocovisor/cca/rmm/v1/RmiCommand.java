package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.RmiCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The commands of RMI 1.0, one row each. */
public enum RmiCommand implements RmiCall {
  /** RMI_VERSION. */
  VERSION(0, 2, TrustedOperation.OTHER, "requested", (rmm, pe, a) -> rmm.version(pe, a[0])),
  /** RMI_GRANULE_DELEGATE. */
  GRANULE_DELEGATE(
      1, 0, TrustedOperation.OTHER, "address", (rmm, pe, a) -> rmm.granuleDelegate(pe, a[0])),
  /** RMI_GRANULE_UNDELEGATE. */
  GRANULE_UNDELEGATE(
      2, 0, TrustedOperation.RECLAIM, "address", (rmm, pe, a) -> rmm.granuleUndelegate(pe, a[0])),
  /** RMI_DATA_CREATE. */
  DATA_CREATE(
      3,
      0,
      TrustedOperation.POPULATE,
      "rd, data, ipa, source, flags",
      (rmm, pe, a) -> rmm.dataCreate(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_DATA_CREATE_UNKNOWN. */
  DATA_CREATE_UNKNOWN(
      4,
      0,
      TrustedOperation.MAP,
      "rd, data, ipa",
      (rmm, pe, a) -> rmm.dataCreateUnknown(pe, a[0], a[1], a[2])),
  /** RMI_DATA_DESTROY. */
  DATA_DESTROY(
      5, 2, TrustedOperation.UNMAP, "rd, ipa", (rmm, pe, a) -> rmm.dataDestroy(pe, a[0], a[1])),
  /** RMI_REALM_ACTIVATE. */
  REALM_ACTIVATE(
      7, 0, TrustedOperation.FINALIZE, "rd", (rmm, pe, a) -> rmm.realmActivate(pe, a[0])),
  /** RMI_REALM_CREATE. */
  REALM_CREATE(
      8, 0, TrustedOperation.CREATE, "rd, params", (rmm, pe, a) -> rmm.realmCreate(pe, a[0], a[1])),
  /** RMI_REALM_DESTROY. */
  REALM_DESTROY(9, 0, TrustedOperation.RECLAIM, "rd", (rmm, pe, a) -> rmm.realmDestroy(pe, a[0])),
  /** RMI_REC_CREATE. */
  REC_CREATE(
      0xa,
      0,
      TrustedOperation.VCPU,
      "rd, rec, params",
      (rmm, pe, a) -> rmm.recCreate(pe, a[0], a[1], a[2])),
  /** RMI_REC_DESTROY. */
  REC_DESTROY(0xb, 0, TrustedOperation.RECLAIM, "rec", (rmm, pe, a) -> rmm.recDestroy(pe, a[0])),
  /** RMI_REC_ENTER. */
  REC_ENTER(
      0xc, 0, TrustedOperation.ENTER, "rec, run", (rmm, pe, a) -> rmm.recEnter(pe, a[0], a[1])),
  /** RMI_RTT_CREATE. */
  RTT_CREATE(
      0xd,
      0,
      TrustedOperation.LINK,
      "rd, rtt, ipa, level",
      (rmm, pe, a) -> rmm.rttCreate(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RTT_DESTROY. */
  RTT_DESTROY(
      0xe,
      2,
      TrustedOperation.UNMAP,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.rttDestroy(pe, a[0], a[1], a[2])),
  /** RMI_RTT_MAP_UNPROTECTED. */
  RTT_MAP_UNPROTECTED(
      0xf,
      0,
      TrustedOperation.MAP,
      "rd, ipa, level, desc",
      (rmm, pe, a) -> rmm.rttMapUnprotected(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RTT_READ_ENTRY. */
  RTT_READ_ENTRY(
      0x11,
      4,
      TrustedOperation.OTHER,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.rttReadEntry(pe, a[0], a[1], a[2])),
  /** RMI_RTT_UNMAP_UNPROTECTED. */
  RTT_UNMAP_UNPROTECTED(
      0x12,
      1,
      TrustedOperation.UNMAP,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.rttUnmapUnprotected(pe, a[0], a[1], a[2])),
  /** RMI_PSCI_COMPLETE. */
  PSCI_COMPLETE(
      0x14,
      0,
      TrustedOperation.OTHER,
      "calling, target, status",
      (rmm, pe, a) -> rmm.psciComplete(pe, a[0], a[1], a[2])),
  /** RMI_FEATURES. */
  FEATURES(0x15, 1, TrustedOperation.OTHER, "index", (rmm, pe, a) -> rmm.features(pe, a[0])),
  /** RMI_RTT_FOLD. */
  RTT_FOLD(
      0x16,
      1,
      TrustedOperation.MERGE,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.rttFold(pe, a[0], a[1], a[2])),
  /** RMI_REC_AUX_COUNT. */
  REC_AUX_COUNT(0x17, 1, TrustedOperation.OTHER, "rd", (rmm, pe, a) -> rmm.recAuxCount(pe, a[0])),
  /** RMI_RTT_INIT_RIPAS. */
  RTT_INIT_RIPAS(
      0x18,
      1,
      TrustedOperation.OTHER,
      "rd, base, top",
      (rmm, pe, a) -> rmm.rttInitRipas(pe, a[0], a[1], a[2])),
  /** RMI_RTT_SET_RIPAS. */
  RTT_SET_RIPAS(
      0x19,
      1,
      TrustedOperation.TRACK,
      "rd, rec, base, top",
      (rmm, pe, a) -> rmm.rttSetRipas(pe, a[0], a[1], a[2], a[3]));

  /** Carries a command out. */
  @FunctionalInterface
  interface Handler {
    long call(Rmm1 rmm, Pe pe, long[] a);
  }

  private static final List<RmiCommand> ALL = List.of(values());

  private static final @Nullable RmiCommand[] BY_NUMBER = new @Nullable RmiCommand[0x20];

  static {
    for (RmiCommand c : values()) {
      BY_NUMBER[c.offset] = c;
    }
  }

  private final int offset;
  private final int outputs;
  private final TrustedOperation operation;
  private final List<String> operands;
  private final Handler handler;
  private final String callName = "RMI_" + name();

  RmiCommand(
      int offset, int outputs, TrustedOperation operation, String operands, Handler handler) {
    this.offset = offset;
    this.outputs = outputs;
    this.operation = operation;
    this.operands = List.of(operands.split(", ", -1));
    this.handler = handler;
  }

  /** Returns every row, in the order of their numbers. */
  public static List<RmiCommand> rows() {
    return ALL;
  }

  /** Finds a command by its identifier; null if RMI 1.0 has none. */
  public static @Nullable RmiCommand of(long fid) {
    long n = fid - FID_BASE;
    return n >= 0 && n < BY_NUMBER.length ? BY_NUMBER[(int) n] : null;
  }

  long call(Rmm1 rmm, Pe pe, long[] a) {
    return handler.call(rmm, pe, a);
  }

  @Override
  public String callName() {
    return callName;
  }

  @Override
  public long number() {
    return FID_BASE + offset;
  }

  @Override
  public List<String> operands() {
    return operands;
  }

  @Override
  public int outputs() {
    return outputs;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }
}
