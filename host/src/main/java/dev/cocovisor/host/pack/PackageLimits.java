package dev.cocovisor.host.pack;

/**
 * What a package may be at most. Real plugins stay far below: the largest of those that are shipped
 * has 200 entries and unpacks to half a megabyte.
 */
public final class PackageLimits {
  /** Bytes of a package as it lies in its folder. */
  public static final long PACKAGE_BYTES = 256L << 20;

  /** Entries of a package, those of the jars in it included. */
  public static final int ENTRIES = 20_000;

  /** Characters of an entry's name. */
  public static final int NAME_LENGTH = 512;

  /** Bytes of all that is unpacked from a package, and of all that its inner jars hold. */
  public static final long UNPACKED_BYTES = 512L << 20;

  /** How many times larger a package may be when it is unpacked. */
  public static final int RATIO = 200;

  /** Bytes of {@code plugin.properties} or of a manifest. */
  public static final int DESCRIPTOR_BYTES = 64 << 10;

  private PackageLimits() {}

  /** Returns how many bytes a package of {@code packed} bytes may unpack to. */
  static long unpacked(long packed) {
    return Math.min(UNPACKED_BYTES, (1L << 20) + packed * RATIO);
  }
}
