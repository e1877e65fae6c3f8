package dev.cocovisor.cca.rmm.measure;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The hash a realm is measured with (RmiHashAlgorithm). */
public enum HashAlgorithm {
  /** RMI_HASH_SHA_256: 32-byte measurements in 64-byte slots. */
  SHA_256(0, "SHA-256", 32),
  /** RMI_HASH_SHA_512: 64-byte measurements. */
  SHA_512(1, "SHA-512", 64),
  /** RMI_HASH_SHA_384 of RMI 2.0: 48-byte measurements. */
  SHA_384(2, "SHA-384", 48);

  private final int encoding;
  private final String jca;
  private final int bytes;

  HashAlgorithm(int encoding, String jca, int bytes) {
    this.encoding = encoding;
    this.jca = jca;
    this.bytes = bytes;
  }

  /** Returns the digest's length in bytes, 32 or 64. */
  public int bytes() {
    return bytes;
  }

  /** Returns the number that RMI uses: 0 for SHA-256, 1 for SHA-512. */
  public int encoding() {
    return encoding;
  }

  /** Tells whether RMI 1.0 knows the number. */
  public static boolean isValid(int encoding) {
    return encoding == 0 || encoding == 1;
  }

  /**
   * Finds an algorithm by RMI's number.
   *
   * @throws IllegalArgumentException if {@link #isValid} is false for it
   */
  public static HashAlgorithm of(int encoding) {
    return switch (encoding) {
      case 0 -> SHA_256;
      case 1 -> SHA_512;
      case 2 -> SHA_384;
      default -> throw new IllegalArgumentException("unknown hash algorithm " + encoding);
    };
  }

  /** Creates a fresh digest; every JDK has both. */
  public MessageDigest digest() {
    try {
      return MessageDigest.getInstance(jca);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
