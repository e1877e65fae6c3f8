package dev.cocovisor.cca.rmm.run;

/** The calls a realm makes: RSI 1.0 and the PSCI functions the RMM answers, with identifiers. */
public enum RsiCall {
  RSI_VERSION(0xC400_0190L, 2),
  RSI_FEATURES(0xC400_0191L, 1),
  RSI_MEASUREMENT_READ(0xC400_0192L, 8),
  RSI_MEASUREMENT_EXTEND(0xC400_0193L, 0),
  RSI_REALM_CONFIG(0xC400_0196L, 0),
  RSI_IPA_STATE_SET(0xC400_0197L, 0),
  RSI_IPA_STATE_GET(0xC400_0198L, 2),
  RSI_HOST_CALL(0xC400_0199L, 0),
  PSCI_VERSION(0x8400_0000L, 0),
  PSCI_CPU_SUSPEND(0xC400_0001L, 0),
  PSCI_CPU_OFF(0x8400_0002L, 0),
  PSCI_CPU_ON(0xC400_0003L, 0),
  PSCI_AFFINITY_INFO(0xC400_0004L, 0),
  PSCI_SYSTEM_OFF(0x8400_0008L, 0),
  PSCI_SYSTEM_RESET(0x8400_0009L, 0),
  PSCI_FEATURES(0x8400_000AL, 0);

  private final long fid;
  private final int outputs;

  RsiCall(long fid, int outputs) {
    this.fid = fid;
    this.outputs = outputs;
  }

  /** Returns the SMC function identifier. */
  public long fid() {
    return fid;
  }

  /** Returns how many registers from x1 are outputs when control returns to the realm. */
  public int outputs() {
    return outputs;
  }
}
