package dev.cocovisor.api.mem;

import org.apiguardian.api.API;

/**
 * Byte content of host-physical memory, without any access check.
 *
 * <p>Trusted halves (firmware, hardware engines) use it directly; everybody else goes through
 * {@link HostMemory}, which asks the guards first. Addresses are host-physical bytes, frames are 4
 * KiB. Memory never written reads as zero and costs nothing.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface PhysicalMemory {
  /** Copies {@code length} bytes from {@code hpa}; may cross pages. */
  void read(long hpa, byte[] into, int offset, int length);

  /** Copies {@code length} bytes to {@code hpa}; may cross pages. */
  void write(long hpa, byte[] from, int offset, int length);

  /** Reads one byte, 0 to 255. */
  int readByte(long hpa);

  /** Writes the low 8 bits of {@code value}. */
  void writeByte(long hpa, int value);

  /** Reads eight bytes, little endian; {@code hpa} is 8-byte aligned. */
  long readLong(long hpa);

  /** Writes eight bytes, little endian; {@code hpa} is 8-byte aligned. */
  void writeLong(long hpa, long value);

  /**
   * Makes {@code count} frames from {@code pfn} read as zero, in time proportional to what was
   * written.
   */
  void zero(long pfn, long count);

  /** Copies one 4 KiB frame. */
  void copyFrame(long toPfn, long fromPfn);

  /** Tells whether a frame reads as zeros. */
  boolean isZero(long pfn);
}
