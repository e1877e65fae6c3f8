package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.RmiCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The commands of RMI 2.0, one row each. */
public enum Rmi2Command implements RmiCall {
  /** RMI_VERSION. */
  VERSION(
      0x0,
      2,
      TrustedOperation.OTHER,
      When.ALWAYS,
      "requested",
      (rmm, pe, a) -> rmm.global().version(pe, a[0])),
  /** RMI_RTT_DATA_MAP_INIT. */
  RTT_DATA_MAP_INIT(
      0x3,
      0,
      TrustedOperation.POPULATE,
      When.ACTIVE,
      "rd, data, ipa, source, flags",
      (rmm, pe, a) -> rmm.maps().init(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_REALM_ACTIVATE. */
  REALM_ACTIVATE(
      0x7,
      0,
      TrustedOperation.FINALIZE,
      When.ACTIVE,
      "rd",
      (rmm, pe, a) -> rmm.realms().activate(pe, a[0])),
  /** RMI_REALM_CREATE. */
  REALM_CREATE(
      0x8,
      0,
      TrustedOperation.CREATE,
      When.ACTIVE,
      "rd, params",
      (rmm, pe, a) -> rmm.realms().create(pe, a[0], a[1])),
  /** RMI_REALM_DESTROY. */
  REALM_DESTROY(
      0x9,
      0,
      TrustedOperation.RECLAIM,
      When.ACTIVE,
      "rd",
      (rmm, pe, a) -> rmm.realms().destroy(pe, a[0])),
  /** RMI_REC_CREATE. */
  REC_CREATE(
      0xa,
      2,
      TrustedOperation.VCPU,
      When.ACTIVE,
      "rd, rec, params",
      (rmm, pe, a) -> rmm.recs().create(pe, a[0], a[1], a[2])),
  /** RMI_REC_DESTROY. */
  REC_DESTROY(
      0xb,
      2,
      TrustedOperation.RECLAIM,
      When.ACTIVE,
      "rec",
      (rmm, pe, a) -> rmm.recs().destroy(pe, a[0])),
  /** RMI_REC_ENTER. */
  REC_ENTER(
      0xc,
      0,
      TrustedOperation.ENTER,
      When.ACTIVE,
      "rec, run",
      (rmm, pe, a) -> rmm.enter().enter(pe, a[0], a[1])),
  /** RMI_RTT_CREATE. */
  RTT_CREATE(
      0xd,
      0,
      TrustedOperation.LINK,
      When.ACTIVE,
      "rd, rtt, ipa, level",
      (rmm, pe, a) -> rmm.tables().create(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RTT_DESTROY. */
  RTT_DESTROY(
      0xe,
      2,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.tables().destroy(pe, a[0], a[1], a[2])),
  /** RMI_RTT_READ_ENTRY. */
  RTT_READ_ENTRY(
      0x11,
      4,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.tables().readEntry(pe, a[0], a[1], a[2])),
  /** RMI_PSCI_COMPLETE. */
  PSCI_COMPLETE(
      0x14,
      0,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "calling, target, status",
      (rmm, pe, a) -> rmm.psci().complete(pe, a[0], a[1], a[2])),
  /** RMI_FEATURES. */
  FEATURES(
      0x15,
      1,
      TrustedOperation.OTHER,
      When.ALWAYS,
      "index",
      (rmm, pe, a) -> rmm.global().features(pe, a[0])),
  /** RMI_RTT_FOLD. */
  RTT_FOLD(
      0x16,
      1,
      TrustedOperation.MERGE,
      When.ACTIVE,
      "rd, ipa, level",
      (rmm, pe, a) -> rmm.tables().fold(pe, a[0], a[1], a[2])),
  /** RMI_RTT_INIT_RIPAS. */
  RTT_INIT_RIPAS(
      0x18,
      1,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "rd, base, top",
      (rmm, pe, a) -> rmm.ripas().init(pe, a[0], a[1], a[2])),
  /** RMI_RTT_SET_RIPAS. */
  RTT_SET_RIPAS(
      0x19,
      1,
      TrustedOperation.TRACK,
      When.ACTIVE,
      "rd, rec, base, top",
      (rmm, pe, a) -> rmm.ripas().set(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RMM_CONFIG_SET. */
  RMM_CONFIG_SET(
      0x1e,
      0,
      TrustedOperation.OTHER,
      When.INIT,
      "page",
      (rmm, pe, a) -> rmm.global().setConfig(pe, a[0])),
  /** RMI_RTT_AUX_CREATE. */
  RTT_AUX_CREATE(
      0x2d,
      0,
      TrustedOperation.LINK,
      When.ACTIVE,
      "rd, rtt, ipa, level, tree",
      (rmm, pe, a) -> rmm.tables().auxCreate(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_RTT_AUX_DESTROY. */
  RTT_AUX_DESTROY(
      0x2e,
      2,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, ipa, level, tree",
      (rmm, pe, a) -> rmm.tables().auxDestroy(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RTT_AUX_FOLD. */
  RTT_AUX_FOLD(
      0x2f,
      1,
      TrustedOperation.MERGE,
      When.ACTIVE,
      "rd, ipa, level, tree",
      (rmm, pe, a) -> rmm.tables().auxFold(pe, a[0], a[1], a[2], a[3])),
  /** RMI_RTT_AUX_MAP_PROTECTED. */
  RTT_AUX_MAP_PROTECTED(
      0x30,
      4,
      TrustedOperation.MAP,
      When.ACTIVE,
      "rd, ipa, tree",
      (rmm, pe, a) -> rmm.planes().mapProtected(pe, a[0], a[1], a[2])),
  /** RMI_RTT_AUX_MAP_UNPROTECTED. */
  RTT_AUX_MAP_UNPROTECTED(
      0x31,
      3,
      TrustedOperation.MAP,
      When.ACTIVE,
      "rd, ipa, tree",
      (rmm, pe, a) -> rmm.planes().mapUnprotected(pe, a[0], a[1], a[2])),
  /** RMI_RTT_AUX_UNMAP_PROTECTED. */
  RTT_AUX_UNMAP_PROTECTED(
      0x33,
      1,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, ipa, tree",
      (rmm, pe, a) -> rmm.planes().unmapProtected(pe, a[0], a[1], a[2])),
  /** RMI_RTT_AUX_UNMAP_UNPROTECTED. */
  RTT_AUX_UNMAP_UNPROTECTED(
      0x34,
      2,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, ipa, tree",
      (rmm, pe, a) -> rmm.planes().unmapUnprotected(pe, a[0], a[1], a[2])),
  /** RMI_RTT_SET_S2AP. */
  RTT_SET_S2AP(
      0x3b,
      2,
      TrustedOperation.TRACK,
      When.ACTIVE,
      "rd, rec, base, top",
      (rmm, pe, a) -> rmm.ripas().setPermission(pe, a[0], a[1], a[2], a[3])),
  /** RMI_GRANULE_TRACKING_GET. */
  GRANULE_TRACKING_GET(
      0x91,
      3,
      TrustedOperation.OTHER,
      When.ALWAYS,
      "start, end",
      (rmm, pe, a) -> rmm.granuleMoves().tracking(pe, a[0], a[1])),
  /** RMI_RMM_CONFIG_GET. */
  RMM_CONFIG_GET(
      0x9c,
      0,
      TrustedOperation.OTHER,
      When.ALWAYS,
      "page",
      (rmm, pe, a) -> rmm.global().getConfig(pe, a[0])),
  /** RMI_GRANULE_RANGE_DELEGATE. */
  GRANULE_RANGE_DELEGATE(
      0xa1,
      1,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "base, top",
      (rmm, pe, a) -> rmm.granuleMoves().delegate(pe, a[0], a[1])),
  /** RMI_GRANULE_RANGE_UNDELEGATE. */
  GRANULE_RANGE_UNDELEGATE(
      0xa2,
      1,
      TrustedOperation.RECLAIM,
      When.ACTIVE,
      "base, top",
      (rmm, pe, a) -> rmm.granuleMoves().undelegate(pe, a[0], a[1])),
  /** RMI_GPT_L1_CREATE. */
  GPT_L1_CREATE(
      0xa3,
      0,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "address",
      (rmm, pe, a) -> rmm.granuleMoves().gptCreate(pe, a[0])),
  /** RMI_RTT_DATA_MAP. */
  RTT_DATA_MAP(
      0xa5,
      1,
      TrustedOperation.MAP,
      When.ACTIVE,
      "rd, base, top, flags, oaddr",
      (rmm, pe, a) -> rmm.maps().data(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_RTT_DATA_UNMAP. */
  RTT_DATA_UNMAP(
      0xa6,
      3,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, base, top, flags, oaddr",
      (rmm, pe, a) -> rmm.unmaps().data(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_RTT_UNPROT_MAP. */
  RTT_UNPROT_MAP(
      0xab,
      1,
      TrustedOperation.MAP,
      When.ACTIVE,
      "rd, base, top, flags, oaddr",
      (rmm, pe, a) -> rmm.maps().unprotected(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_RTT_UNPROT_UNMAP. */
  RTT_UNPROT_UNMAP(
      0xac,
      3,
      TrustedOperation.UNMAP,
      When.ACTIVE,
      "rd, base, top, flags, oaddr",
      (rmm, pe, a) -> rmm.unmaps().unprotected(pe, a[0], a[1], a[2], a[3], a[4])),
  /** RMI_REALM_TERMINATE. */
  REALM_TERMINATE(
      0xb1,
      0,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "rd",
      (rmm, pe, a) -> rmm.realms().terminate(pe, a[0])),
  /** RMI_RMM_ACTIVATE. */
  RMM_ACTIVATE(
      0xb2, 0, TrustedOperation.OTHER, When.INIT, "", (rmm, pe, a) -> rmm.global().activate(pe)),
  /** RMI_OP_CONTINUE. */
  OP_CONTINUE(
      0xb3,
      3,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "handle, flags",
      (rmm, pe, a) -> rmm.operations().resume(pe, a[0], a[1])),
  /** RMI_OP_MEM_DONATE. */
  OP_MEM_DONATE(
      0xb8,
      2,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "handle, list, count",
      (rmm, pe, a) -> rmm.operations().donate(pe, a[0], a[1], a[2])),
  /** RMI_OP_MEM_RECLAIM. */
  OP_MEM_RECLAIM(
      0xb9,
      1,
      TrustedOperation.RECLAIM,
      When.ACTIVE,
      "handle, list, count",
      (rmm, pe, a) -> rmm.operations().reclaim(pe, a[0], a[1], a[2])),
  /** RMI_OP_CANCEL. */
  OP_CANCEL(
      0xba,
      2,
      TrustedOperation.OTHER,
      When.ACTIVE,
      "handle",
      (rmm, pe, a) -> rmm.operations().cancel(pe, a[0]));

  /** In which state of the RMM a command is taken; in another it answers ERROR_GLOBAL. */
  enum When {
    /** In any. */
    ALWAYS,
    /** Before RMM_ACTIVATE. */
    INIT,
    /** From RMM_ACTIVATE on. */
    ACTIVE
  }

  /** Carries a command out. */
  @FunctionalInterface
  interface Handler {
    long call(Rmm2 rmm, Pe pe, long[] a);
  }

  private static final List<Rmi2Command> ALL = List.of(values());

  private static final @Nullable Rmi2Command[] BY_NUMBER = new @Nullable Rmi2Command[0x100];

  static {
    for (Rmi2Command c : values()) {
      BY_NUMBER[c.offset] = c;
    }
  }

  private final int offset;
  private final int outputs;
  private final TrustedOperation operation;
  private final When when;
  private final List<String> operands;
  private final Handler handler;
  private final String callName = "RMI_" + name();

  Rmi2Command(
      int offset,
      int outputs,
      TrustedOperation operation,
      When when,
      String operands,
      Handler handler) {
    this.offset = offset;
    this.outputs = outputs;
    this.operation = operation;
    this.when = when;
    this.operands = operands.isEmpty() ? List.of() : List.of(operands.split(", ", -1));
    this.handler = handler;
  }

  /** Returns every row, in the order of their numbers. */
  public static List<Rmi2Command> rows() {
    return ALL;
  }

  /** Finds a command by its identifier; null if there is none. */
  public static @Nullable Rmi2Command of(long fid) {
    long n = fid - FID_BASE;
    return n >= 0 && n < BY_NUMBER.length ? BY_NUMBER[(int) n] : null;
  }

  When when() {
    return when;
  }

  long call(Rmm2 rmm, Pe pe, long[] a) {
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
