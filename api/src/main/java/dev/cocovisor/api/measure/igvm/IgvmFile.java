package dev.cocovisor.api.measure.igvm;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import org.apiguardian.api.API;

/**
 * An IGVM file: a fixed header, a list of headers of variable size in three sections (platforms,
 * initialization, directives), and data that they point at. Everything is little endian.
 *
 * <p>Source: microsoft/igvm, igvm_defs/src/lib.rs (layout) and igvm/src/lib.rs, new_from_binary
 * (what is refused). Versions 1 and 2 of the fixed header are read, the latter for x86-64 alone.
 *
 * <p>Immutable as long as nobody changes the array it was made from.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class IgvmFile {
  private static final int MAGIC = 0x4D56_4749; // "IGVM"
  private static final int FIXED = 24;
  private static final int FIXED_2 = 32;
  private static final int CHECKSUM = 20;
  private static final int HEADER = 8;
  private static final int OPTIONAL = 1 << 31;
  private static final int SUPPORTED_PLATFORM = 1;
  private static final int PLATFORM_SIZE = 16;

  private final String name;
  private final byte[] bytes;
  private final ByteBuffer little;
  private final int dataStart;
  private final List<Header> headers = new ArrayList<>();

  /**
   * One header of the variable part.
   *
   * @param type the format's number, without the bit that says a loader may skip it
   * @param optional whether a loader that does not know it may skip it
   * @param offset where its content starts in the file
   * @param size bytes of content
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public record Header(int type, boolean optional, int offset, int size) {
    /** Tells whether it belongs to the section of platforms. */
    boolean platform() {
      return type >= 0x1 && type <= 0x100;
    }

    /** Tells whether it belongs to the section of initialization. */
    boolean initialization() {
      return type >= 0x101 && type <= 0x200;
    }

    /** Tells whether it belongs to the section of directives. */
    boolean directive() {
      return type >= 0x301 && type <= 0x400;
    }

    private int section() {
      return platform() ? 1 : initialization() ? 2 : directive() ? 3 : 0;
    }
  }

  /**
   * Reads the headers of a file.
   *
   * @param name how messages call it
   * @throws MeasureException if it is no IGVM file or a broken one
   */
  public IgvmFile(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    this.little = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length < FIXED || little.getInt(0) != MAGIC) {
      throw refuse(0, "this is no IGVM file: it does not start with 'IGVM'");
    }
    long version = u32(4);
    if (version != 1 && version != 2) {
      throw refuse(4, "the IGVM format's version is %d, neither 1 nor 2".formatted(version));
    }
    int fixed = version == 1 ? FIXED : FIXED_2;
    long start = u32(8);
    long size = u32(12);
    if (u32(16) != bytes.length) {
      throw refuse(
          16,
          "the file says it has 0x%x bytes, it has 0x%x".formatted(u32(16), (long) bytes.length));
    }
    if (start < fixed || start % 8 != 0 || start + size > bytes.length) {
      throw refuse(
          8,
          "the variable headers at 0x%x to 0x%x are not between the fixed header of %d bytes and the"
                  .formatted(start, start + size, fixed)
              + " end of the file, 8-byte aligned");
    }
    if (version == 2) {
      if (u32(24) != 0) {
        throw refuse(24, "the architecture is %d; only x86-64 (0) is measured".formatted(u32(24)));
      }
      if (u32(28) != IgvmPages.PAGE) {
        throw refuse(28, "the page size is %d, not 4096".formatted(u32(28)));
      }
    }
    this.dataStart = (int) (start + size);
    checksum(fixed, (int) start);
    read((int) start);
  }

  /**
   * Reads a file.
   *
   * @throws MeasureException if it cannot be read, is no IGVM file or a broken one
   */
  public static IgvmFile read(Path file) {
    Path last = file.getFileName();
    return new IgvmFile(
        last == null ? file.toString() : last.toString(), FirmwareImage.bytesOf(file));
  }

  private void checksum(int fixed, int start) {
    CRC32 crc = new CRC32();
    crc.update(bytes, 0, CHECKSUM);
    crc.update(new byte[4]);
    crc.update(bytes, CHECKSUM + 4, fixed - CHECKSUM - 4);
    crc.update(bytes, start, dataStart - start);
    if (crc.getValue() != u32(CHECKSUM)) {
      throw refuse(
          CHECKSUM,
          "the headers' checksum is 0x%08x, they say 0x%08x"
              .formatted(crc.getValue(), u32(CHECKSUM)));
    }
  }

  private void read(int start) {
    int section = 0;
    for (int at = start; at < dataStart; ) {
      if (dataStart - at < HEADER) {
        throw refuse(at, "the last header is cut off");
      }
      int type = little.getInt(at);
      long size = u32(at + 4);
      if (size > dataStart - at - HEADER) {
        throw refuse(at + 4, "a header of 0x%x bytes reaches beyond the headers".formatted(size));
      }
      Header h = new Header(type & ~OPTIONAL, (type & OPTIONAL) != 0, at + HEADER, (int) size);
      int of = h.section();
      if (of == 0 && !h.optional()) {
        throw refuse(at, "a header has the type 0x%x, which nobody defined".formatted(h.type()));
      }
      if (of != 0 && of < section) {
        throw refuse(
            at,
            "a header of type 0x%x follows later ones: platforms, initialization, directives"
                .formatted(h.type()));
      }
      section = Math.max(section, of);
      headers.add(h);
      at += HEADER + (h.size() + 7 & ~7);
    }
  }

  /**
   * Returns the mask by which headers name a platform; 0 if the file is not made for it.
   *
   * @param platform the format's number of the platform
   */
  public int mask(int platform) {
    for (Header h : headers) {
      if (h.type() == SUPPORTED_PLATFORM) {
        require(h, PLATFORM_SIZE, "SUPPORTED_PLATFORM");
        if ((bytes[h.offset() + 5] & 0xFF) == platform) {
          int mask = little.getInt(h.offset());
          if (Integer.bitCount(mask) != 1) {
            throw refuse(
                h.offset(), "a platform's mask is 0x%x, not one single bit".formatted(mask));
          }
          return mask;
        }
      }
    }
    return 0;
  }

  /** Returns the directives, in the order a loader carries them out. */
  public List<Header> directives() {
    return headers.stream().filter(Header::directive).toList();
  }

  /**
   * Refuses a header of another size.
   *
   * @param what how the message calls it
   */
  public void require(Header header, int size, String what) {
    if (header.size() != size) {
      throw refuse(
          header.offset() - 4,
          "%s has %d bytes of content, not %d".formatted(what, header.size(), size));
    }
  }

  /** Returns how messages call the file. */
  public String name() {
    return name;
  }

  /** Returns the 16-bit value at {@code offset} of the file. */
  public int u16(int offset) {
    return little.getShort(offset) & 0xFFFF;
  }

  /** Returns the 32-bit value at {@code offset} of the file. */
  public long u32(int offset) {
    return little.getInt(offset) & 0xFFFF_FFFFL;
  }

  /** Returns the 64-bit value at {@code offset} of the file. */
  public long u64(int offset) {
    return little.getLong(offset);
  }

  /** Returns a copy of {@code size} bytes at {@code offset} of the file. */
  public byte[] bytes(int offset, int size) {
    return java.util.Arrays.copyOfRange(bytes, offset, offset + size);
  }

  /**
   * Returns the offset of data that a header points at.
   *
   * @param field where the header holds the pointer
   * @param size bytes that must lie there
   * @throws MeasureException if they are not in the file's data
   */
  public int data(int field, int size) {
    long at = u32(field);
    if (at < dataStart || at + size > bytes.length) {
      throw refuse(
          field,
          "data at 0x%x to 0x%x is not between the headers' end at 0x%x and the file's at 0x%x"
              .formatted(at, at + size, dataStart, bytes.length));
    }
    return (int) at;
  }

  /** Returns the file's bytes, not a copy. */
  public byte[] bytes() {
    return bytes;
  }

  /** Returns a refusal that names the file and the offset. */
  public MeasureException refuse(int offset, String what) {
    return new MeasureException(
        String.format(Locale.ROOT, "%s: offset 0x%x: %s", name, offset, what));
  }
}
