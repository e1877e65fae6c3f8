package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.realm.Rec;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The calls a realm makes, one row each: RSI and the PSCI functions the RMM answers. Which of them
 * an RMM offers is up to its version.
 */
public enum RsiCall {
  RSI_VERSION(0xC400_0190L, 1, 2, (s, _, rec) -> s.version(rec)),
  RSI_FEATURES(0xC400_0191L, 1, 1, (s, _, rec) -> s.features(rec)),
  RSI_MEASUREMENT_READ(0xC400_0192L, 1, 8, (s, _, rec) -> s.measurementRead(rec)),
  RSI_MEASUREMENT_EXTEND(0xC400_0193L, 10, 0, (s, _, rec) -> s.measurementExtend(rec)),
  RSI_REALM_CONFIG(0xC400_0196L, 1, 0, RealmServices::realmConfig),
  RSI_IPA_STATE_SET(0xC400_0197L, 4, 0, (s, _, rec) -> s.ipaStateSet(rec)),
  RSI_IPA_STATE_GET(0xC400_0198L, 2, 2, RealmServices::ipaStateGet),
  RSI_HOST_CALL(0xC400_0199L, 1, 0, RealmServices::hostCall),
  RSI_MEM_GET_PERM_VALUE(0xC400_01A0L, 2, 1, (s, _, rec) -> s.permissionValue(rec)),
  RSI_MEM_SET_PERM_INDEX(0xC400_01A1L, 4, 0, (s, _, rec) -> s.setPermissionIndex(rec)),
  RSI_MEM_SET_PERM_VALUE(0xC400_01A2L, 3, 0, (s, _, rec) -> s.setPermissionValue(rec)),
  PSCI_VERSION(0x8400_0000L, 0, 0, RealmServices::psci),
  PSCI_CPU_SUSPEND(0xC400_0001L, 3, 0, RealmServices::psci),
  PSCI_CPU_OFF(0x8400_0002L, 0, 0, RealmServices::psci),
  PSCI_CPU_ON(0xC400_0003L, 3, 0, RealmServices::psci),
  PSCI_AFFINITY_INFO(0xC400_0004L, 2, 0, RealmServices::psci),
  PSCI_SYSTEM_OFF(0x8400_0008L, 0, 0, RealmServices::psci),
  PSCI_SYSTEM_RESET(0x8400_0009L, 0, 0, RealmServices::psci),
  PSCI_FEATURES(0x8400_000AL, 1, 0, RealmServices::psci);

  /** Carries a call out; tells whether control goes to the host. */
  @FunctionalInterface
  interface Handler {
    boolean call(RealmServices services, Pe pe, Rec rec);
  }

  private static final Map<Long, RsiCall> BY_FID = new HashMap<>();

  static {
    for (RsiCall c : values()) {
      BY_FID.put(c.fid, c);
    }
  }

  private final long fid;
  private final int arity;
  private final int outputs;
  private final Handler handler;

  RsiCall(long fid, int arity, int outputs, Handler handler) {
    this.fid = fid;
    this.arity = arity;
    this.outputs = outputs;
    this.handler = handler;
  }

  /** Finds a call by its identifier; null if there is none. */
  static @Nullable RsiCall of(long fid) {
    return BY_FID.get(fid);
  }

  /** Returns the SMC function identifier. */
  public long fid() {
    return fid;
  }

  /** Returns how many registers from x1 are operands. */
  public int arity() {
    return arity;
  }

  /** Returns how many registers from x1 are outputs when control returns to the realm. */
  public int outputs() {
    return outputs;
  }

  boolean call(RealmServices services, Pe pe, Rec rec) {
    return handler.call(services, pe, rec);
  }
}
