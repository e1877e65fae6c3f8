package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A PE image, such as a Linux kernel with its EFI stub, and the hash that firmware measures. */
// Microsoft PE format, "Calculating the PE Image Hash"; EDK II
// SecurityPkg/Library/DxeTpmMeasureBootLib (MeasurePeImage) and Tcg2Dxe.
final class PeImage {
  private static final int DOS_HEADER = 0x40;
  private static final int COFF = 24;
  private static final int SECTION = 40;
  private static final int PE32_PLUS = 0x20B;

  private final String name;
  private final byte[] bytes;
  private final ByteBuffer little;

  PeImage(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    this.little = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Returns the SHA-384 of the image without its checksum, its certificates and where they are.
   *
   * @throws MeasureException if it is no PE image or a broken one
   */
  byte[] hash() {
    if (bytes.length < DOS_HEADER || little.getShort(0) != 0x5A4D) {
      throw refuse(0, "this is no PE image: it does not start with 'MZ'");
    }
    int pe = offset(0x3C, COFF + 96);
    if (little.getInt(pe) != 0x4550) {
      throw refuse(pe, "there is no PE header");
    }
    int sections = little.getShort(pe + 6) & 0xFFFF;
    int optional = pe + COFF;
    int optionalSize = little.getShort(pe + 20) & 0xFFFF;
    boolean plus = (little.getShort(optional) & 0xFFFF) == PE32_PLUS;
    int directories = optional + (plus ? 112 : 96);
    int checksum = optional + 64;
    int certificates = directories + 4 * 8;
    int headers = offset(optional + 60, 0);
    if (certificates + 8 > headers || optional + optionalSize + SECTION * sections > bytes.length) {
      throw refuse(optional, "the PE header's tables do not fit");
    }
    boolean certified = little.getInt(directories - 4) > 4; // number of directories
    MessageDigest sha = Rtmr.sha384();
    sha.update(bytes, 0, checksum);
    if (certified) {
      sha.update(bytes, checksum + 4, certificates - checksum - 4);
      sha.update(bytes, certificates + 8, headers - certificates - 8);
    } else {
      sha.update(bytes, checksum + 4, headers - checksum - 4);
    }
    long hashed = headers;
    for (int[] s : sorted(optional + optionalSize, sections)) {
      if (s[0] < 0 || (long) s[0] + s[1] > bytes.length) {
        throw refuse(s[2], "a section's data reaches beyond the image");
      }
      sha.update(bytes, s[0], s[1]);
      hashed += s[1];
    }
    long table = certified ? little.getInt(certificates + 4) & 0xFFFF_FFFFL : 0;
    long rest = bytes.length - hashed - table;
    if (rest > 0) {
      sha.update(bytes, (int) hashed, (int) rest);
    }
    return sha.digest();
  }

  private List<int[]> sorted(int at, int sections) {
    List<int[]> out = new ArrayList<>();
    for (int i = 0; i < sections; i++) {
      int s = at + SECTION * i;
      int size = little.getInt(s + 16);
      if (size < 0) {
        throw refuse(s + 16, "a section has 0x%x bytes of data".formatted(size & 0xFFFF_FFFFL));
      }
      if (size > 0) {
        out.add(new int[] {little.getInt(s + 20), size, s + 20});
      }
    }
    out.sort((a, b) -> Integer.compareUnsigned(a[0], b[0]));
    return out;
  }

  private int offset(int field, int size) {
    long at = little.getInt(field) & 0xFFFF_FFFFL;
    if (at + size > bytes.length) {
      throw refuse(field, "0x%x is beyond the image".formatted(at));
    }
    return (int) at;
  }

  private MeasureException refuse(int at, String what) {
    return new MeasureException(String.format(Locale.ROOT, "%s: offset 0x%x: %s", name, at, what));
  }
}
