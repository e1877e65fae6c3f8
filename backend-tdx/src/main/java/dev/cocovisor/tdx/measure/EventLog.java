package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * The event log a TD's firmware keeps, as Linux shows it in {@code
 * /sys/firmware/acpi/tables/data/CCEL}: what was extended into which register.
 */
// TCG PC Client Platform Firmware Profile 1.05, "Event Logging" (crypto agile log, Spec ID
// Event03);
// registers: UEFI 2.10, EFI_CC_MEASUREMENT_PROTOCOL (0 is MRTD, 1 to 4 are RTMR0 to RTMR3).
final class EventLog {
  private static final int SHA384 = 0xC;
  private static final long NO_ACTION = 3;
  private static final Map<Long, String> TYPES = types();

  private final String name;
  private final ByteBuffer in;
  private final List<Event> events = new ArrayList<>();

  /**
   * One event that was extended.
   *
   * @param register 0 for RTMR0 and so on; -1 for MRTD
   * @param type its name
   * @param digest 48 bytes
   * @param text what is readable of its data
   */
  @SuppressWarnings("ArrayRecordComponent") // a value handed over once
  record Event(int register, String type, byte[] digest, String text) {}

  /**
   * Reads a log.
   *
   * @throws MeasureException if it is none or a broken one
   */
  EventLog(String name, byte[] bytes) {
    this.name = name;
    this.in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Map<Integer, Integer> sizes = algorithms();
    int number = 0;
    while (in.remaining() >= 12 && !ended()) {
      event(number++, sizes);
    }
  }

  static EventLog read(Path file) {
    return new EventLog(
        Objects.requireNonNullElse(file.getFileName(), file).toString(),
        FirmwareImage.bytesOf(file));
  }

  /** Returns the events in order. */
  List<Event> events() {
    return List.copyOf(events);
  }

  /** The room that is left is full of ones or, by other firmware, of zeros. */
  private boolean ended() {
    int at = in.position();
    int index = in.getInt(at);
    int type = in.getInt(at + 4);
    return (index == -1 && type == -1) || (index == 0 && type == 0 && in.getInt(at + 8) == 0);
  }

  private Map<Integer, Integer> algorithms() {
    if (in.limit() < 32 + 28 || in.getInt(4) != NO_ACTION) {
      throw refuse(0, "this is no event log: it does not start with an EV_NO_ACTION event");
    }
    in.position(28);
    int size = in.getInt();
    int start = in.position();
    String signature = ascii(start, 15);
    if (!signature.equals("Spec ID Event03")) {
      throw refuse(
          start, "the log's signature is '%s', not 'Spec ID Event03'".formatted(signature));
    }
    if (size < 28 || size > in.remaining()) {
      throw refuse(28, "the first event of %d bytes reaches beyond the log".formatted(size));
    }
    int count = in.getInt(start + 24);
    if (count < 1 || count > (size - 28) / 4) {
      throw refuse(start + 24, "%d hash algorithms do not fit the first event".formatted(count));
    }
    Map<Integer, Integer> sizes = new HashMap<>();
    for (int i = 0; i < count; i++) {
      int at = start + 28 + 4 * i;
      sizes.put(in.getShort(at) & 0xFFFF, in.getShort(at + 2) & 0xFFFF);
    }
    if (!Objects.equals(sizes.get(SHA384), Mrtd.SIZE)) {
      throw refuse(start + 28, "the log has no SHA-384 digests, which RTMRs are extended by");
    }
    in.position(start + size);
    return sizes;
  }

  private void event(int number, Map<Integer, Integer> sizes) {
    int start = in.position();
    long index = in.getInt() & 0xFFFF_FFFFL;
    long type = in.getInt() & 0xFFFF_FFFFL;
    long count = in.getInt() & 0xFFFF_FFFFL;
    byte[] digest = null;
    for (long i = 0; i < count; i++) {
      need(start, number, 2);
      int algorithm = in.getShort() & 0xFFFF;
      Integer size = sizes.get(algorithm);
      if (size == null) {
        throw refuse(
            in.position() - 2,
            "event %d has a digest of algorithm 0x%x, which the log does not announce"
                .formatted(number, algorithm));
      }
      need(start, number, size);
      byte[] value = new byte[size];
      in.get(value);
      digest = algorithm == SHA384 ? value : digest;
    }
    need(start, number, 4);
    int size = in.getInt();
    if (size < 0 || size > in.remaining()) {
      throw refuse(
          in.position() - 4,
          "event %d of 0x%x bytes reaches beyond the log".formatted(number, size & 0xFFFF_FFFFL));
    }
    String text = text(in.position(), size);
    in.position(in.position() + size);
    if (type == NO_ACTION) {
      return; // told, not extended
    }
    if (index > 4) {
      throw refuse(start, "event %d is of register %d; 0 to 4 are".formatted(number, index));
    }
    if (digest == null) {
      throw refuse(start, "event %d has no SHA-384 digest".formatted(number));
    }
    events.add(
        new Event(
            (int) index - 1,
            TYPES.getOrDefault(type, "EV_0x" + Long.toHexString(type)),
            digest,
            text));
  }

  private void need(int start, int number, int bytes) {
    if (in.remaining() < bytes) {
      throw refuse(start, "event %d is cut off".formatted(number));
    }
  }

  private String ascii(int at, int size) {
    return new String(in.array(), at, size, StandardCharsets.ISO_8859_1);
  }

  /** Returns the printable characters of some data: names in UTF-16 too, without their zeros. */
  private String text(int at, int size) {
    StringBuilder out = new StringBuilder();
    for (byte b : Arrays.copyOfRange(in.array(), at, at + Math.min(size, 200))) {
      if (b >= 0x20 && b < 0x7F) {
        out.append((char) b);
      }
    }
    return out.isEmpty() ? size + " bytes" : out.toString();
  }

  private MeasureException refuse(int offset, String what) {
    return new MeasureException(
        String.format(Locale.ROOT, "%s: offset 0x%x: %s", name, offset, what));
  }

  private static Map<Long, String> types() {
    Map<Long, String> t = new HashMap<>();
    t.put(1L, "EV_POST_CODE");
    t.put(4L, "EV_SEPARATOR");
    t.put(5L, "EV_ACTION");
    t.put(6L, "EV_EVENT_TAG");
    t.put(8L, "EV_S_CRTM_VERSION");
    t.put(0xAL, "EV_PLATFORM_CONFIG_FLAGS");
    t.put(0xDL, "EV_IPL");
    t.put(0x8000_0001L, "EV_EFI_VARIABLE_DRIVER_CONFIG");
    t.put(0x8000_0002L, "EV_EFI_VARIABLE_BOOT");
    t.put(0x8000_0003L, "EV_EFI_BOOT_SERVICES_APPLICATION");
    t.put(0x8000_0004L, "EV_EFI_BOOT_SERVICES_DRIVER");
    t.put(0x8000_0006L, "EV_EFI_GPT_EVENT");
    t.put(0x8000_0007L, "EV_EFI_ACTION");
    t.put(0x8000_0008L, "EV_EFI_PLATFORM_FIRMWARE_BLOB");
    t.put(0x8000_0009L, "EV_EFI_HANDOFF_TABLES");
    t.put(0x8000_000AL, "EV_EFI_PLATFORM_FIRMWARE_BLOB2");
    t.put(0x8000_000BL, "EV_EFI_HANDOFF_TABLES2");
    t.put(0x8000_000CL, "EV_EFI_VARIABLE_BOOT2");
    t.put(0x8000_00E0L, "EV_EFI_VARIABLE_AUTHORITY");
    return Map.copyOf(t);
  }
}
