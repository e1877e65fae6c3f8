package dev.cocovisor.tdx.measure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** Damaged files are measured or refused with an offset, never anything else. */
class BootFilesTest {
  private static final Path VECTORS =
      Path.of(System.getProperty("cocovisor.root"), "conformance/vectors");

  private static byte[] file(String name) throws IOException {
    return Files.readAllBytes(VECTORS.resolve(name));
  }

  /** Damages {@code good} many times; returns how often it was refused. */
  private static int refused(byte[] good, int within, Consumer<byte[]> read) {
    long seed = 0x1691;
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < 5_000; i++) {
      byte[] bytes = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        bytes[random.nextInt(within)] = (byte) random.nextInt();
      }
      try {
        read.accept(bytes);
      } catch (MeasureException e) {
        refused++;
        assertThat(e).as("seed 0x%x round %d", seed, i).hasMessageStartingWith("x: ");
      }
    }
    return refused;
  }

  @Test
  void eventLogs() throws IOException {
    byte[] log = file("files/td/ccel-two-banks.bin");
    assertThat(refused(log, 700, bytes -> new EventLog("x", bytes))).isGreaterThan(500);
  }

  @Test
  void kernels() throws IOException {
    byte[] kernel = file("files/td/kernel-signed.efi");
    assertThat(refused(kernel, 0x300, bytes -> new PeImage("x", bytes).hash())).isGreaterThan(50);
  }

  @Test
  void acpiTables() throws IOException {
    byte[] tables = file("files/td/acpi-tables.bin");
    int refused = refused(tables, 1600, bytes -> new AcpiTables("x", bytes).linkerScript());
    assertThat(refused).isGreaterThan(10);
  }

  @Test
  void igvmFiles() throws IOException {
    byte[] igvm = file("igvm/coconut-a.igvm");
    assertThat(
            refused(
                igvm,
                800,
                bytes -> {
                  checksum(bytes);
                  new IgvmBuild(new IgvmFile("x", bytes), StepSink.NONE).run();
                }))
        .isGreaterThan(500);
  }

  private static void checksum(byte[] igvm) {
    CRC32 crc = new CRC32();
    crc.update(igvm, 0, 20);
    crc.update(new byte[4]);
    int headers = (igvm[12] & 0xFF) + (igvm[13] << 8 & 0xFF00);
    crc.update(igvm, 24, Math.min(headers, igvm.length - 24));
    for (int i = 0; i < 4; i++) {
      igvm[20 + i] = (byte) (crc.getValue() >>> (8 * i));
    }
  }
}
