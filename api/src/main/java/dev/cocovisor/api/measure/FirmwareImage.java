package dev.cocovisor.api.measure;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A firmware image as UEFI builds make it, with the GUIDed table at its end.
 *
 * <p>The table's last byte lies 32 bytes before the end of the file. Its last entry is the footer,
 * whose size counts the whole table; the others lie below it, each as data, a 16-bit size that
 * counts data, size and GUID, and the GUID. Everything is little endian. An image without the
 * footer's GUID has no table, which is no error by itself.
 *
 * <p>Sources: OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm of EDK II, and QEMU's
 * hw/i386/pc_sysfw_ovmf.c, pc_system_parse_ovmf_flash and pc_system_ovmf_table_find.
 *
 * <p>Immutable as long as nobody changes the array it was made from.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class FirmwareImage {
  /** Where an image ends in guest memory. */
  public static final long FOUR_GIB = 1L << 32;

  /** The footer's GUID. */
  public static final UUID FOOTER = UUID.fromString("96b582de-1fb2-45f7-baea-a366c55a082d");

  /** What a pipe, and a file beyond an array's size, do not say of themselves. */
  private static final long MOST_KNOWN = 1L << 30;

  private static final int PIECE = 1 << 16;

  private static final int TABLE_TO_END = 32;
  private static final int GUID_SIZE = 16;
  private static final int HEADER = 2 + GUID_SIZE;

  private final String name;
  private final byte[] bytes;
  private final ByteBuffer little;
  private final Map<UUID, Entry> table = new LinkedHashMap<>();
  private final boolean hasTable;

  /**
   * The data of one table entry.
   *
   * @param offset where it starts in the file
   * @param size bytes
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  public record Entry(int offset, int size) {}

  /**
   * Reads the table of an image.
   *
   * @param name how messages call it
   * @throws MeasureException if the table is there and broken
   */
  public FirmwareImage(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    this.little = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int footer = bytes.length - TABLE_TO_END - HEADER;
    this.hasTable = footer >= 0 && guid(footer + 2).equals(FOOTER);
    if (hasTable) {
      readTable(footer);
    }
  }

  /**
   * Reads an image from a file.
   *
   * @throws MeasureException if the file cannot be read or its table is broken
   */
  public static FirmwareImage read(Path file) {
    Path name = file.getFileName();
    return new FirmwareImage(name == null ? file.toString() : name.toString(), bytesOf(file));
  }

  /**
   * Reads a file that enters a measurement.
   *
   * @throws MeasureException if it cannot be read
   */
  public static byte[] bytesOf(Path file) {
    try (SeekableByteChannel in = Files.newByteChannel(file)) {
      long size = in.size();
      return size == 0 || size > MOST_KNOWN ? Files.readAllBytes(file) : read(in, (int) size);
    } catch (NoSuchFileException e) {
      throw new MeasureException(file + ": no such file", e);
    } catch (IOException | OutOfMemoryError e) {
      throw new MeasureException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** Reads in pieces: asked for all at once, the JVM sets aside as many bytes a second time. */
  private static byte[] read(SeekableByteChannel in, int size) throws IOException {
    byte[] bytes = new byte[size];
    ByteBuffer to = ByteBuffer.wrap(bytes);
    while (to.position() < size) {
      to.limit(Math.min(size, to.position() + PIECE));
      if (in.read(to) < 0) {
        return Arrays.copyOf(bytes, to.position()); // it became shorter meanwhile
      }
    }
    return bytes;
  }

  private void readTable(int footer) {
    int size = u16(footer);
    if (size < HEADER) {
      throw refuse(
          footer, "the footer table's size is %d, less than its own footer of 18".formatted(size));
    }
    int start = footer + HEADER - size;
    if (start < 0) {
      throw refuse(footer, "the footer table's size of %d reaches below the image".formatted(size));
    }
    int end = footer;
    while (end - start >= HEADER) {
      int entry = u16(end - HEADER);
      UUID guid = guid(end - GUID_SIZE);
      if (entry < HEADER) {
        throw refuse(
            end - HEADER,
            "table entry %s has size %d, an entry has at least 18".formatted(guid, entry));
      }
      if (entry > end - start) {
        throw refuse(
            end - HEADER,
            "table entry %s of size %d reaches below the table, which starts at 0x%x"
                .formatted(guid, entry, start));
      }
      // QEMU's look-up takes the entry nearest to the footer.
      table.putIfAbsent(guid, new Entry(end - entry, entry - HEADER));
      end -= entry;
    }
  }

  /** Returns how messages call the image. */
  public String name() {
    return name;
  }

  /** Returns the image's bytes, not a copy. */
  public byte[] bytes() {
    return bytes;
  }

  /** Returns the number of bytes. */
  public int size() {
    return bytes.length;
  }

  /** Returns where the image lies in guest memory: it ends at 4 GiB. */
  public long gpa() {
    return FOUR_GIB - bytes.length;
  }

  /** Tells whether the image has a footer table. */
  public boolean hasTable() {
    return hasTable;
  }

  /** Returns the table's entries from the footer down; each GUID once. */
  public Map<UUID, Entry> table() {
    return java.util.Collections.unmodifiableMap(table);
  }

  /** Returns an entry's data, or null if the table has none. */
  public @Nullable Entry find(UUID guid) {
    return table.get(guid);
  }

  /**
   * Returns an entry's data.
   *
   * @param what how the message calls it
   * @param size bytes it must have at least
   * @throws MeasureException if there is no such entry or it is too short
   */
  public Entry require(UUID guid, String what, int size) {
    Entry entry = table.get(guid);
    if (entry == null) {
      int at = Math.max(0, bytes.length - TABLE_TO_END - HEADER);
      throw refuse(
          at,
          hasTable
              ? "the footer table has no entry %s (%s)".formatted(guid, what)
              : "no footer table here, so no entry %s (%s)".formatted(guid, what));
    }
    if (entry.size < size) {
      throw refuse(
          entry.offset,
          "table entry %s (%s) holds %d bytes, not %d".formatted(guid, what, entry.size, size));
    }
    return entry;
  }

  /**
   * Follows an entry that holds a distance from the end of the file.
   *
   * @param what how the message calls the thing pointed at
   * @param size bytes that must lie there
   * @return its offset in the file
   * @throws MeasureException if it is not inside the file
   */
  public int fromEnd(Entry entry, String what, int size) {
    long distance = u32(entry.offset);
    if (distance > bytes.length) {
      throw refuse(
          entry.offset,
          "the %s lies 0x%x bytes before the end of a file of 0x%x"
              .formatted(what, distance, bytes.length));
    }
    if (distance < size) {
      throw refuse(
          entry.offset,
          "the %s of %d bytes lies only 0x%x before the end of the file"
              .formatted(what, size, distance));
    }
    return (int) (bytes.length - distance);
  }

  /** Returns the 16-bit value at {@code offset}. */
  public int u16(int offset) {
    return little.getShort(offset) & 0xFFFF;
  }

  /** Returns the 32-bit value at {@code offset}. */
  public long u32(int offset) {
    return little.getInt(offset) & 0xFFFF_FFFFL;
  }

  /** Returns the 64-bit value at {@code offset}. */
  public long u64(int offset) {
    return little.getLong(offset);
  }

  /** Returns four bytes as text; what is not printable shows as {@code ?}. */
  public String tag(int offset) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 4; i++) {
      byte b = bytes[offset + i];
      out.append(b >= 0x20 && b < 0x7F ? (char) b : '?');
    }
    return out.toString();
  }

  private UUID guid(int offset) {
    long high = (u32(offset) << 32) | ((long) u16(offset + 4) << 16) | u16(offset + 6);
    return new UUID(high, Long.reverseBytes(u64(offset + 8)));
  }

  /** Returns the GUID's 16 bytes as images hold it: its first three fields little endian. */
  public static byte[] guidBytes(UUID guid) {
    ByteBuffer out = ByteBuffer.allocate(GUID_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    long high = guid.getMostSignificantBits();
    out.putInt((int) (high >>> 32)).putShort((short) (high >>> 16)).putShort((short) high);
    return out.putLong(Long.reverseBytes(guid.getLeastSignificantBits())).array();
  }

  /** Returns a refusal that names the image and the offset. */
  public MeasureException refuse(int offset, String what) {
    return new MeasureException(
        String.format(Locale.ROOT, "%s: offset 0x%x: %s", name, offset, what));
  }
}
