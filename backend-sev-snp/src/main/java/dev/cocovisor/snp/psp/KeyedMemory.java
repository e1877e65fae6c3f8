package dev.cocovisor.snp.psp;

/** Memory as a guest's key shows it; the firmware has every key. */
public interface KeyedMemory {
  /**
   * Reads what the key's guest would with the C-bit set; false where the page is not to be had.
   *
   * @param key {@link LegacyFirmware#key}
   */
  boolean read(int key, long hpa, byte[] into);

  /** Writes what the key's guest will read with the C-bit set; as {@link #read}. */
  boolean write(int key, long hpa, byte[] from);
}
