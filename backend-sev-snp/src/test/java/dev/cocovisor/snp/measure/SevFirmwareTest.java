package dev.cocovisor.snp.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SevFirmwareTest {
  private static byte[] fixture(String name) throws IOException {
    return Files.readAllBytes(
        Path.of(System.getProperty("cocovisor.root"), "conformance/vectors/images", name));
  }

  @Test
  void imageIsReadOrRefusedWithAnOffsetWhateverItsMetadataSays() throws IOException {
    long seed = 0x5EF;
    Random random = new Random(seed);
    byte[] good = fixture("ovmf-a.fd");
    int descriptor = 0x1A00;
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        boolean table = random.nextBoolean();
        int at =
            table ? bytes.length - 200 + random.nextInt(200) : descriptor + random.nextInt(100);
        bytes[at] = (byte) random.nextInt();
      }
      try {
        SevFirmware f = new SevFirmware(new FirmwareImage("x", bytes));
        for (SevFirmware.Section s : f.sections()) {
          f.typeOf(s);
        }
        f.resetEip();
        f.requireHashArea();
      } catch (MeasureException e) {
        refused++;
        assertThat(e).as("seed 0x%x round %d", seed, i).hasMessageStartingWith("x: offset 0x");
      }
    }
    assertThat(refused).isGreaterThan(1000);
  }

  @Test
  void sectionsThatNoVmmCouldLaunchAreRefusedWhereTheyStand() throws IOException {
    byte[] bytes = fixture("ovmf-a.fd");
    bytes[0x1A00 + 16 + 5] = (byte) 0x91; // section 0: size 0x9000 becomes 0x9100
    assertThatThrownBy(() -> measure(bytes))
        .hasMessage(
            "x: offset 0x1a14: SEV section 0 (SEC_MEM) has the size 0x9100, no multiple of 4096");
    byte[] moved = fixture("ovmf-a.fd");
    moved[0x1A00 + 16 + 2 * 12] = 1; // section 2: address 0x80d000 becomes 0x80d001
    assertThatThrownBy(() -> measure(moved))
        .hasMessage(
            "x: offset 0x1a28: SEV section 2 (SECRETS) has the address 0x80d001, not 4 KiB"
                + " aligned");
  }

  @Test
  void aKernelNeedsRoomForItsHashes() throws IOException {
    byte[] bytes = fixture("ovmf-a.fd");
    bytes[0x1A00 + 16 + 5 * 12 + 5] = 0x20; // KERNEL_HASHES of two pages
    assertThatThrownBy(() -> measure(bytes))
        .hasMessageContaining("has the size 0x2000, not one page");
    assertThatThrownBy(() -> KernelHashes.of(new byte[0], null, null).page(4096 - 175))
        .hasMessageContaining("has no room for the table of 176 bytes");
  }

  private static void measure(byte[] bytes) {
    SnpMeasurer.measure(
        "snp",
        new LaunchRequest(
            new FirmwareImage("x", bytes),
            1,
            new CpuStart(
                Vmm.QEMU, HostKernel.CURRENT, Product.MILAN, VcpuSignature.ofType("EPYC-v4"), 1),
            KernelHashes.of(new byte[0], null, null),
            null,
            null,
            0),
        StepSink.NONE);
  }
}
