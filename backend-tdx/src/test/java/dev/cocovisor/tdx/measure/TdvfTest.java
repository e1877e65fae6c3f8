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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
        Tdvf tdvf = new Tdvf(new FirmwareImage("x", bytes), Loader.ANY);
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
    Tdvf tdvf = new Tdvf(new FirmwareImage("x", bytes), Loader.ANY);
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
    assertThatThrownBy(() -> new Tdvf(new FirmwareImage("x", bytes), Loader.ANY))
        .hasMessageContaining("offset 0xf870")
        .hasMessageContaining("more than 64 GiB");
  }

  @Test
  void sectionTypesNobodyDefinedAreRefused() throws IOException {
    byte[] bytes = fixture("tdvf-a.fd");
    bytes[DESCRIPTOR + 16 + 2 * 32 + 24] = 9;
    assertThatThrownBy(() -> new Tdvf(new FirmwareImage("x", bytes), Loader.ANY))
        .hasMessage(
            "x: offset 0xf878: TDX section 2 has the type 9, which nobody defined (0 to 8 are)");
  }

  @ParameterizedTest
  @CsvSource({
    "tdvf-b.fd, TDX section 4 (PermMem) is of type 4, which QEMU refuses; --vmm-type any takes it",
    "tdvf-c.fd, TDX section 5 (PermMem) is of type 4, which QEMU refuses; --vmm-type any takes it",
    "tdvf-e.fd, TDX section 1 (TdInfo) is of type 7, which QEMU refuses; --vmm-type any takes it"
  })
  void whatQemuRefusesIsRefusedForIt(String image, String why) throws IOException {
    FirmwareImage read = new FirmwareImage("x", fixture(image));
    assertThat(new Tdvf(read, Loader.ANY).sections()).isNotEmpty();
    assertThatThrownBy(() -> new Tdvf(read, Loader.QEMU)).hasMessageContaining(why);
  }

  @ParameterizedTest
  @CsvSource({
    "2, 4, 1, TDX section 2 (TempMem) has 0x1 bytes of data; QEMU wants none",
    "1, 5, 0, TDX section 1 (CFV) has 0x0 bytes of data; QEMU wants some"
  })
  void dataWhereQemuWantsNoneOrNoneWhereItWantsSome(int section, int at, int value, String why)
      throws IOException {
    byte[] bytes = fixture("tdvf-a.fd");
    bytes[DESCRIPTOR + 16 + section * 32 + at] = (byte) value;
    FirmwareImage read = new FirmwareImage("x", bytes);
    assertThat(new Tdvf(read, Loader.ANY).sections()).hasSize(6);
    assertThatThrownBy(() -> new Tdvf(read, Loader.QEMU)).hasMessageContaining(why);
  }

  @Test
  void aDescriptorLongerThanItsSectionsIsRefusedForQemu() throws IOException {
    byte[] bytes = fixture("tdvf-a.fd");
    bytes[DESCRIPTOR + 4]++;
    FirmwareImage read = new FirmwareImage("x", bytes);
    assertThat(new Tdvf(read, Loader.ANY).sections()).hasSize(6);
    assertThatThrownBy(() -> new Tdvf(read, Loader.QEMU))
        .hasMessageContaining(
            "QEMU wants a TDX descriptor's length of 208 for its 6 sections, not");
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
