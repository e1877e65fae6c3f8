package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The table with which a VMM tells the firmware the hashes of a directly booted kernel, its initrd
 * and command line; measuring the table measures the three.
 *
 * @param table the 176 bytes: header, three entries, padding to 16
 * @param text the three hashes in words
 */
// QEMU target/i386/sev.c, build_kernel_loader_hashes and struct PaddedSevHashTable.
@SuppressWarnings("ArrayRecordComponent") // built once, read once
record KernelHashes(byte[] table, String text) {
  /** Bytes of the padded table. */
  static final int SIZE = 176;

  private static final UUID TABLE = UUID.fromString("9438d606-4f22-4cc9-b479-a793d411fd21");
  private static final UUID CMDLINE = UUID.fromString("97d02dd8-bd20-4c94-aa78-e7714d36ab2a");
  private static final UUID INITRD = UUID.fromString("44baf731-3a2f-4bd7-9af1-41e29169781d");
  private static final UUID KERNEL = UUID.fromString("4de79437-abd2-427f-b835-d5b172d2045b");
  private static final short TABLE_LENGTH = 168;
  private static final short ENTRY_LENGTH = 50;

  /**
   * Builds the table.
   *
   * @param initrd null: as an empty file
   * @param append the command line; null: as an empty one
   */
  static KernelHashes of(byte[] kernel, byte @Nullable [] initrd, @Nullable String append) {
    byte[] line = ((append == null ? "" : append) + '\0').getBytes(StandardCharsets.UTF_8);
    byte[] ofLine = sha256(line);
    byte[] ofInitrd = sha256(initrd == null ? new byte[0] : initrd);
    byte[] ofKernel = sha256(kernel);
    ByteBuffer out = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
    out.put(FirmwareImage.guidBytes(TABLE)).putShort(TABLE_LENGTH);
    entry(out, CMDLINE, ofLine);
    entry(out, INITRD, ofInitrd);
    entry(out, KERNEL, ofKernel);
    HexFormat hex = HexFormat.of();
    return new KernelHashes(
        out.array(),
        "SHA-256 of cmdline %s, initrd %s, kernel %s"
            .formatted(hex.formatHex(ofLine), hex.formatHex(ofInitrd), hex.formatHex(ofKernel)));
  }

  private static void entry(ByteBuffer out, UUID guid, byte[] hash) {
    out.put(FirmwareImage.guidBytes(guid)).putShort(ENTRY_LENGTH).put(hash);
  }

  /**
   * Returns a page that is zero but for the table.
   *
   * @param offset where in the page the firmware looks for the table
   */
  byte[] page(int offset) {
    if (offset + SIZE > 4096) {
      throw new MeasureException(
          "the kernel-hashes area at page offset 0x%x has no room for the table of %d bytes"
              .formatted(offset, SIZE));
    }
    byte[] page = new byte[4096];
    System.arraycopy(table, 0, page, offset, SIZE);
    return page;
  }

  private static byte[] sha256(byte[] data) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(data);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
