package dev.cocovisor.cca.rmm.measure;

import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RecParams;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The Realm Initial Measurement of RMM 1.0: a hash chain over what the host built before
 * activation.
 *
 * <p>It starts with the measured fields of the realm's parameters and is extended by each measured
 * page, each runnable REC and each table entry whose RIPAS became RAM, in the order of the calls. A
 * slot is 64 bytes; SHA-256 values are padded with zeros. Usable without an RMM, for computing the
 * expected measurement of an image.
 *
 * <p>Not thread-safe; the RMM changes it under the realm descriptor's lock.
 */
// DEN0137 1.0, "Realm Initial Measurement"; TF-RMM lib/measurement/src/measurement.c.
public final class Rim {
  /** Bytes of a measurement slot. */
  public static final int SLOT = 64;

  /** The measured length of a page, and of a parameters page. */
  public static final int PAGE = 4096;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int DESCRIPTOR = 0x100;
  private static final int TYPE_DATA = 0;
  private static final int TYPE_REC = 1;
  private static final int TYPE_RIPAS = 2;

  private final HashAlgorithm algorithm;
  private final MessageDigest digest;
  private final byte[] slot = new byte[SLOT];
  private final byte[] content = new byte[SLOT];
  private final byte[] descriptor = new byte[DESCRIPTOR];

  /** Creates an all-zero slot; {@link #realmCreate} gives it its first value. */
  public Rim(HashAlgorithm algorithm) {
    this.algorithm = algorithm;
    this.digest = algorithm.digest();
  }

  /** Returns the algorithm. */
  public HashAlgorithm algorithm() {
    return algorithm;
  }

  /**
   * Starts the chain (RMI_REALM_CREATE): hashes a zero page that holds only the measured
   * parameters.
   *
   * @param flags LPA2 bit 0, SVE bit 1, PMU bit 2
   * @param s2sz width of the IPA space in bits
   * @param sveVl SVE vector length field
   * @param numBps number of breakpoints, minus one
   * @param numWps number of watchpoints, minus one
   * @param pmuNumCtrs number of PMU counters
   */
  public void realmCreate(long flags, int s2sz, int sveVl, int numBps, int numWps, int pmuNumCtrs) {
    byte[] page = new byte[PAGE];
    LONG.set(page, RealmParams.FLAGS, flags);
    INT.set(page, RealmParams.S2SZ, s2sz);
    INT.set(page, RealmParams.SVE_VL, sveVl);
    INT.set(page, RealmParams.NUM_BPS, numBps);
    INT.set(page, RealmParams.NUM_WPS, numWps);
    INT.set(page, RealmParams.PMU_NUM_CTRS, pmuNumCtrs);
    page[RealmParams.HASH_ALGO] = (byte) algorithm.encoding();
    hash(page, page.length, slot);
  }

  /**
   * Extends by one entry whose RIPAS was initialised to RAM (RMI_RTT_INIT_RIPAS). The bounds are
   * the table entry's, so the table layout is measured.
   */
  public void initRipas(long base, long top) {
    begin(TYPE_RIPAS);
    LONG.set(descriptor, 0x50, base);
    LONG.set(descriptor, 0x58, top);
    extend();
  }

  /**
   * Extends by a data page (RMI_DATA_CREATE).
   *
   * @param ipa where the page is mapped
   * @param measured whether the content enters (RMI_MEASURE_CONTENT)
   * @param page 4096 bytes; read only if {@code measured}
   */
  public void dataCreate(long ipa, boolean measured, byte[] page) {
    if (measured) {
      hash(page, PAGE, content);
    } else {
      Arrays.fill(content, (byte) 0);
    }
    extendData(ipa, measured);
  }

  /**
   * Extends by a measured data page whose hash is already known, so that pages can be hashed
   * elsewhere and in parallel.
   *
   * @param contentHash what {@link #contentHash} returned for the page
   */
  public void dataCreateHashed(long ipa, byte[] contentHash) {
    Arrays.fill(content, (byte) 0);
    System.arraycopy(contentHash, 0, content, 0, algorithm.bytes());
    extendData(ipa, true);
  }

  /** Hashes a page of 4096 bytes the way {@link #dataCreate} does; safe for many threads. */
  public static byte[] contentHash(HashAlgorithm algorithm, byte[] page) {
    MessageDigest digest = algorithm.digest();
    digest.update(page, 0, PAGE);
    return digest.digest();
  }

  private void extendData(long ipa, boolean measured) {
    begin(TYPE_DATA);
    LONG.set(descriptor, 0x50, ipa);
    LONG.set(descriptor, 0x58, measured ? 1L : 0L);
    System.arraycopy(content, 0, descriptor, 0x60, SLOT);
    extend();
  }

  /**
   * Extends by a REC (RMI_REC_CREATE), if it is runnable; a REC that is not does not count.
   *
   * @param flags RUNNABLE bit 0
   * @param gprs x0 to x7
   */
  public void recCreate(long flags, long pc, long[] gprs) {
    if ((flags & RecParams.RUNNABLE) == 0) {
      return;
    }
    byte[] page = new byte[PAGE];
    LONG.set(page, RecParams.FLAGS, flags);
    LONG.set(page, RecParams.PC, pc);
    for (int i = 0; i < RecParams.GPR_COUNT; i++) {
      LONG.set(page, RecParams.GPRS + i * Long.BYTES, gprs[i]);
    }
    hash(page, page.length, content);
    begin(TYPE_REC);
    System.arraycopy(content, 0, descriptor, 0x50, SLOT);
    extend();
  }

  /** Returns a copy of the measurement: 32 or 64 bytes. */
  public byte[] value() {
    return Arrays.copyOf(slot, algorithm.bytes());
  }

  /** Returns the measurement as lower-case hexadecimal. */
  public String hex() {
    return HexFormat.of().formatHex(slot, 0, algorithm.bytes());
  }

  /** Reads eight bytes of the 64-byte slot, little endian; {@code word} is 0 to 7. */
  public long word(int word) {
    return (long) LONG.get(slot, word * Long.BYTES);
  }

  private void begin(int type) {
    Arrays.fill(descriptor, (byte) 0);
    descriptor[0] = (byte) type;
    LONG.set(descriptor, 8, (long) DESCRIPTOR);
    System.arraycopy(slot, 0, descriptor, 0x10, SLOT);
  }

  private void extend() {
    hash(descriptor, DESCRIPTOR, slot);
  }

  private void hash(byte[] from, int length, byte[] into) {
    digest.update(from, 0, length);
    try {
      digest.digest(into, 0, algorithm.bytes());
    } catch (DigestException e) {
      throw new IllegalStateException(e);
    }
  }
}
