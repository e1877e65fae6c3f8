package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * A TVM's initial measurement: a register for its pages and one for its entry point, extended by
 * SHA-384 of the old value, the guest address and the contents. Source: CoVE,
 * sbi_covh_add_tvm_measured_pages and sbi_covh_finalize_tvm; the order within one extension is
 * Salus's, attestation/src/measurement.rs, extend.
 */
final class Measurement {
  private byte[] pages = new byte[48];
  private byte[] configuration = new byte[48];

  void page(PhysicalMemory memory, long pfn, long gpa) {
    byte[] content = new byte[4096];
    memory.read(pfn << PageLevel.PAGE_SHIFT, content, 0, content.length);
    pages = extend(pages, gpa, content);
  }

  void entry(long sepc, long argument) {
    configuration = extend(configuration, sepc, longs(argument));
  }

  /** Returns register 0 (pages) or 1 (entry point and argument): 48 bytes. */
  byte[] register(int index) {
    return (index == 0 ? pages : configuration).clone();
  }

  private static byte[] extend(byte[] old, long address, byte[] content) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-384");
      sha.update(old);
      sha.update(longs(address));
      return sha.digest(content);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  private static byte[] longs(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }
}
