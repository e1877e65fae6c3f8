package dev.cocovisor.tdx.module.td;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The build-time measurement of a TD: one SHA-384 over a stream of 128-byte blocks, begun by
 * TDH.MNG.INIT and closed by TDH.MR.FINALIZE.
 *
 * <p>TDH.MEM.PAGE.ADD contributes a block with its name and the page's address, never the content;
 * TDH.MR.EXTEND a block with its name and the address of a 256-byte chunk, then the chunk. The
 * order is the host's, so it is part of the measurement. A TD to which nothing was added measures
 * as the hash of nothing. Usable without a module, for computing the expected MRTD of an image.
 *
 * <p>Not thread-safe; in a module the TD's lock covers it.
 */
// Intel TDX Module Base Architecture Specification, "Measurement and Attestation", TD build-time
// measurement; leaf descriptions of TDH.MEM.PAGE.ADD and TDH.MR.EXTEND.
public final class Mrtd {
  /** Bytes of an MRTD. */
  public static final int SIZE = 48;

  /** Bytes of the chunk that one TDH.MR.EXTEND measures. */
  public static final int CHUNK = 256;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 128;
  private static final int GPA = 16;

  private final MessageDigest stream;
  private final byte[] add = block("MEM.PAGE.ADD");
  private final byte[] extend = block("MR.EXTEND");

  /** Begins a measurement. */
  public Mrtd() {
    try {
      stream = MessageDigest.getInstance("SHA-384");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-384", e);
    }
  }

  private static byte[] block(String name) {
    byte[] out = new byte[BLOCK];
    byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(ascii, 0, out, 0, ascii.length);
    return out;
  }

  /** Measures that a page was added at {@code gpa}, bytes. */
  public void pageAdd(long gpa) {
    LONG.set(add, GPA, gpa);
    stream.update(add, 0, BLOCK);
  }

  /**
   * Measures 256 bytes of an added page.
   *
   * @param gpa the chunk's address, bytes
   * @param from holds the chunk at {@code offset}
   */
  public void extend(long gpa, byte[] from, int offset) {
    LONG.set(extend, GPA, gpa);
    stream.update(extend, 0, BLOCK);
    stream.update(from, offset, CHUNK);
  }

  /** Returns what the MRTD would be if the build ended here; the build may go on. */
  public byte[] value() {
    try {
      return ((MessageDigest) stream.clone()).digest();
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException("the JDK's SHA-384 can be copied", e);
    }
  }
}
