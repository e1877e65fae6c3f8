package dev.cocovisor.cca.rmm.realm;

import java.util.List;

/**
 * What an RMM build and its machine offer.
 *
 * @param memoryBase first tracked address
 * @param memoryEnd end of tracked memory
 * @param featureRegisters RMI feature registers from 0 on (see {@link Features}); others are zero
 * @param vmidBits width of VMIDs, 8 or 16
 * @param auxGranules auxiliary granules that a REC needs, 0 to 16; the host must ask
 * @param hpmn0 whether a PMU without counters is allowed (FEAT_HPMN0)
 */
public record RmmConfig(
    long memoryBase,
    long memoryEnd,
    List<Long> featureRegisters,
    int vmidBits,
    int auxGranules,
    boolean hpmn0) {
  /** Feature register 0 of the recorded TF-RMM build: 48-bit IPA, LPA2, PMU, both hashes. */
  public static final long RECORDED_FEATURES = 0x283f_c104_130L;

  /** The machine of the logs of RMM 1.0: TF-RMM's host build tracking just under 1 GiB. */
  public static final RmmConfig RECORDED =
      new RmmConfig(0x8000_0000L, 0xbfe0_0000L, List.of(RECORDED_FEATURES), 8, 16, false);

  /** The machine of the logs of RMM 2.0: TF-RMM's host build tracking 1 GiB. */
  public static final RmmConfig RECORDED_2 =
      new RmmConfig(
          0x8000_0000L,
          0xc000_0000L,
          List.of(0x10_4130L, 0x1_42a9L, 0xa1L, 0x3L, 0xfffeL),
          8,
          16,
          false);

  /** Checks that there is a register 0. */
  public RmmConfig {
    featureRegisters = List.copyOf(featureRegisters);
    if (featureRegisters.isEmpty()) {
      throw new IllegalArgumentException("an RMM has a feature register 0");
    }
  }

  /** Returns feature register 0. */
  public long featureRegister0() {
    return featureRegisters.getFirst();
  }

  /** Returns a feature register; zero where there is none. */
  public long featureRegister(long index) {
    return index >= 0 && index < featureRegisters.size() ? featureRegisters.get((int) index) : 0;
  }

  /** The same RMM with other memory. */
  public RmmConfig withMemory(long base, long end) {
    return new RmmConfig(base, end, featureRegisters, vmidBits, auxGranules, hpmn0);
  }

  /** The same RMM with another feature register 0. */
  public RmmConfig withFeatureRegister0(long value) {
    return new RmmConfig(memoryBase, memoryEnd, List.of(value), vmidBits, auxGranules, hpmn0);
  }
}
