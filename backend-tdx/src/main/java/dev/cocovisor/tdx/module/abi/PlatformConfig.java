package dev.cocovisor.tdx.module.abi;

/**
 * What the module learned about the machine when it was initialised.
 *
 * @param maxPa physical address bits, key bits included
 * @param keyBits how many of the upper ones are the HKID
 * @param firstPrivateHkid the global private HKID; TDs use those above it
 * @param lastPrivateHkid the last HKID
 * @param processors logical processors, all in one package
 * @param cacheSubBlocks pieces in which PHYMEM.CACHE.WB writes the caches back; it can be
 *     interrupted between them
 * @param demoteInterruptible whether MEM.PAGE.DEMOTE gives way to interrupts, as that of 1.5.01
 * @param dynamicPamt whether entries of 4 KiB are the host's to give; not in 1.5.01
 */
public record PlatformConfig(
    int maxPa,
    int keyBits,
    int firstPrivateHkid,
    int lastPrivateHkid,
    int processors,
    int cacheSubBlocks,
    boolean demoteInterruptible,
    boolean dynamicPamt) {
  private static final int SUB_BLOCKS = 4;

  /** 52 bits with six of key, HKIDs 16 to 63, as recorded; caches of four sub-blocks. */
  public static PlatformConfig standard(int processors) {
    return new PlatformConfig(52, 6, 16, 63, processors, SUB_BLOCKS, true, false);
  }

  /**
   * Returns a copy with a module whose MEM.PAGE.DEMOTE looks for interrupts or does not
   * (TDX_FEATURES0 bit 51, ENHANCED_DEMOTE_INTERRUPTIBILITY).
   */
  public PlatformConfig withDemoteInterruptible(boolean value) {
    return new PlatformConfig(
        maxPa,
        keyBits,
        firstPrivateHkid,
        lastPrivateHkid,
        processors,
        cacheSubBlocks,
        value,
        dynamicPamt);
  }

  /** Returns a copy with a module that keeps entries of 4 KiB only where the host gave pages. */
  public PlatformConfig withDynamicPamt(boolean value) {
    return new PlatformConfig(
        maxPa,
        keyBits,
        firstPrivateHkid,
        lastPrivateHkid,
        processors,
        cacheSubBlocks,
        demoteInterruptible,
        value);
  }

  /** Returns the lowest key bit of an address. */
  public int keyShift() {
    return maxPa - keyBits;
  }
}
