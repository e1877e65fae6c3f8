package dev.cocovisor.tdx.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TdvfTest {
  private static final int DESCRIPTOR = 0xF800 + 16;

  private static byte[] fixture(String name) throws IOException {
    return Files.readAllBytes(
        Path.of(System.getProperty("cocovisor.root"), "conformance/vectors/images", name));
  }

  @Test
  void imageIsReadOrRefusedWithAnOffsetWhateverItsMetadataSays() throws IOException {
    long seed = 0x7DF;
    Random random = new Random(seed);
    byte[] good = fixture("tdvf-a.fd");
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        boolean table = random.nextInt(4) == 0;
        int at =
            table ? bytes.length - 100 + random.nextInt(100) : DESCRIPTOR + random.nextInt(208);
        bytes[at] = (byte) random.nextInt();
      }
      try {
        Tdvf tdvf = new Tdvf(new FirmwareImage("x", bytes));
        byte[] page = new byte[Tdvf.PAGE];
        for (Tdvf.Section s : tdvf.sections()) {
          if (s.memorySize() > 0) {
            tdvf.page(s, 0, page);
            tdvf.page(s, s.memorySize() - Tdvf.PAGE, page);
          }
        }
      } catch (MeasureException e) {
        refused++;
        assertThat(e).as("seed 0x%x round %d", seed, i).hasMessageStartingWith("x: offset 0x");
      }
    }
    assertThat(refused).isGreaterThan(1000);
  }

  @Test
  void memoryBeyondItsDataIsMeasuredAsZerosWhateverFollowsInTheFile() throws IOException {
    byte[] bytes = fixture("tdvf-b.fd");
    Tdvf tdvf = new Tdvf(new FirmwareImage("x", bytes));
    Tdvf.Section payload = tdvf.sections().get(5);
    assertThat(payload.memorySize()).isGreaterThan(payload.dataSize());
    byte[] before = new TdBuild(tdvf, StepSink.NONE).run(BuildOrder.SINGLE);
    bytes[(int) (payload.dataOffset() + payload.dataSize())] ^= 1;
    assertThat(new TdBuild(tdvf, StepSink.NONE).run(BuildOrder.SINGLE)).isEqualTo(before);
    bytes[(int) (payload.dataOffset() + payload.dataSize() - 1)] ^= 1;
    assertThat(new TdBuild(tdvf, StepSink.NONE).run(BuildOrder.SINGLE)).isNotEqualTo(before);
  }

  @Test
  void sectionOfAbsurdSizeIsRefused() throws IOException {
    byte[] bytes = fixture("tdvf-a.fd");
    bytes[DESCRIPTOR + 16 + 2 * 32 + 16 + 5] = 1; // section 2: 1 TiB more
    assertThatThrownBy(() -> new Tdvf(new FirmwareImage("x", bytes)))
        .hasMessageContaining("offset 0xf870")
        .hasMessageContaining("more than 64 GiB");
  }

  @Test
  void emptyBuildMeasuresAsTheHashOfNothing() {
    assertThat(HexFormat.of().formatHex(new Mrtd().value()))
        .startsWith("38b060a751ac9638")
        .endsWith("98b95b");
  }

  @Test
  void lookingAtTheMeasurementDoesNotEndIt() {
    Mrtd looked = new Mrtd();
    Mrtd straight = new Mrtd();
    for (int i = 0; i < 3; i++) {
      looked.pageAdd(i * 4096L);
      straight.pageAdd(i * 4096L);
      assertThat(looked.value()).isEqualTo(looked.value());
    }
    assertThat(looked.value()).isEqualTo(straight.value());
  }
}
