package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The ACPI tables QEMU gives to firmware in {@code etc/acpi/tables}, and the two files beside them
 * that follow from them: the root pointer and the script by which firmware links them.
 */
// QEMU hw/i386/acpi-build.c, acpi_build, hw/acpi/bios-linker-loader.c; the order of commands as
// virtee/tdx-measure, src/acpi.rs, derives it.
final class AcpiTables {
  private static final int SCRIPT_SIZE = 4096;
  private static final int COMMAND = 128;
  private static final int FILE_NAME = 56;
  private static final int HEADER = 36;
  private static final String TABLES = "etc/acpi/tables";
  private static final String RSDP = "etc/acpi/rsdp";

  private final String name;
  private final byte[] bytes;
  private final List<Table> tables = new ArrayList<>();

  private record Table(String signature, int offset, int size) {}

  AcpiTables(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at + 8 <= bytes.length && bytes[at] != 0; ) {
      String signature = new String(bytes, at, 4, StandardCharsets.ISO_8859_1);
      int size = in.getInt(at + 4);
      if (size < 8 || size > bytes.length - at) {
        throw refuse(at + 4, "table %s has 0x%x bytes".formatted(signature, size));
      }
      tables.add(new Table(signature, at, size));
      at += size;
    }
  }

  byte[] bytes() {
    return bytes;
  }

  /** Returns the root pointer, its checksum still zero. */
  byte[] rootPointer() {
    return ByteBuffer.allocate(20)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put("RSD PTR \0BOCHS \0".getBytes(StandardCharsets.US_ASCII))
        .putInt(require("RSDT").offset)
        .array();
  }

  /** Returns the script: allocate both files, then link tables and sum them up. */
  byte[] linkerScript() {
    Table dsdt = require("DSDT");
    Table facp = require("FACP");
    Table rsdt = require("RSDT");
    if (facp.size < 148 || rsdt.size < HEADER) {
      throw refuse(facp.offset, "FACP or RSDT is too short");
    }
    List<byte[]> out = new ArrayList<>();
    out.add(allocate(RSDP, 16, 2));
    out.add(allocate(TABLES, 64, 1));
    out.add(checksum(TABLES, dsdt.offset + 9, dsdt.offset, dsdt.size));
    out.add(pointer(TABLES, facp.offset + 36, 4)); // FACS
    out.add(pointer(TABLES, facp.offset + 40, 4)); // DSDT
    out.add(pointer(TABLES, facp.offset + 140, 8)); // X_DSDT
    out.add(checksum(TABLES, facp.offset + 9, facp.offset, facp.size));
    for (Table t : tables) {
      if (!List.of("FACS", "DSDT", "FACP", "RSDT").contains(t.signature)) {
        out.add(checksum(TABLES, t.offset + 9, t.offset, t.size));
      }
    }
    for (int at = HEADER; at + 4 <= rsdt.size; at += 4) {
      out.add(pointer(TABLES, rsdt.offset + at, 4));
    }
    out.add(checksum(TABLES, rsdt.offset + 9, rsdt.offset, rsdt.size));
    out.add(pointer(RSDP, 16, 4));
    out.add(checksum(RSDP, 8, 0, 20));
    byte[] script = new byte[Math.max(SCRIPT_SIZE, out.size() * COMMAND)];
    for (int i = 0; i < out.size(); i++) {
      System.arraycopy(out.get(i), 0, script, i * COMMAND, COMMAND);
    }
    return script;
  }

  private static ByteBuffer command(byte[] out, int number, String file) {
    ByteBuffer c = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
    c.putInt(number).put(file.getBytes(StandardCharsets.US_ASCII)).position(4 + FILE_NAME);
    return c;
  }

  private static byte[] allocate(String file, int alignment, int zone) {
    byte[] out = new byte[COMMAND];
    command(out, 1, file).putInt(alignment).put((byte) zone);
    return out;
  }

  private static byte[] pointer(String file, int at, int size) {
    byte[] out = new byte[COMMAND];
    ByteBuffer c = command(out, 2, file);
    c.put(TABLES.getBytes(StandardCharsets.US_ASCII)).position(4 + 2 * FILE_NAME);
    c.putInt(at).put((byte) size);
    return out;
  }

  private static byte[] checksum(String file, int at, int start, int size) {
    byte[] out = new byte[COMMAND];
    command(out, 3, file).putInt(at).putInt(start).putInt(size);
    return out;
  }

  private Table require(String signature) {
    return tables.stream()
        .filter(t -> t.signature.equals(signature))
        .findFirst()
        .orElseThrow(() ->
            refuse(
                0,
                "there is no table %s; give --acpi-rsdp and --acpi-loader".formatted(signature)));
  }

  private MeasureException refuse(int at, String what) {
    return new MeasureException(String.format(Locale.ROOT, "%s: offset 0x%x: %s", name, at, what));
  }
}
