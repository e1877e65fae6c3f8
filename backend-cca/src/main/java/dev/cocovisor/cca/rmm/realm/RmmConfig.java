package dev.cocovisor.cca.rmm.realm;

/**
 * What an RMM build and its machine offer.
 *
 * @param memoryBase first tracked address
 * @param memoryEnd end of tracked memory
 * @param featureRegister0 RMI feature register 0 (see {@link Features})
 * @param vmidBits width of VMIDs, 8 or 16
 * @param auxGranules auxiliary granules that a REC needs, 0 to 16; the host must ask
 * @param hpmn0 whether a PMU without counters is allowed (FEAT_HPMN0)
 */
public record RmmConfig(
    long memoryBase,
    long memoryEnd,
    long featureRegister0,
    int vmidBits,
    int auxGranules,
    boolean hpmn0) {
  /** Feature register 0 of the recorded TF-RMM build: 48-bit IPA, LPA2, PMU, both hashes. */
  public static final long RECORDED_FEATURES = 0x283f_c104_130L;

  /** The machine of the recorded logs: TF-RMM's host build tracking just under 1 GiB. */
  public static final RmmConfig RECORDED =
      new RmmConfig(0x8000_0000L, 0xbfe0_0000L, RECORDED_FEATURES, 8, 16, false);

  /** The same RMM with other memory. */
  public RmmConfig withMemory(long base, long end) {
    return new RmmConfig(base, end, featureRegister0, vmidBits, auxGranules, hpmn0);
  }
}
