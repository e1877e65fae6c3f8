package dev.cocovisor.cca.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.measure.StepSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepFileTest {
  @TempDir Path folder = Path.of(".");

  private Path steps(String... lines) throws IOException {
    return Files.write(folder.resolve("realm.steps"), List.of(lines));
  }

  private String rim(Path file, Map<String, String> settings) {
    return HexFormat.of().formatHex(new StepFile(file).run(settings, StepSink.NONE));
  }

  @Test
  void aRealmWithoutStepsHasTheMeasurementOfItsParameters() throws IOException {
    // The public vector of the RIM calculator: 48-bit IPA space, otherwise smallest.
    assertThat(rim(steps(), Map.of("s2sz", "48")))
        .isEqualTo("6739dfb22b75ee1268d08dfa8369f501bc0b066243553f069f560d1fa1172973");
    assertThat(rim(steps("REALM_CREATE s2sz=48 hash-algo=sha512"), Map.of()))
        .startsWith("799e434048fb57eb9d4f0e2a2b98158720377252deab2bdf");
  }

  @Test
  void theChainOfLiveTfRmmIsReproducedFromAFile() throws IOException {
    Files.write(folder.resolve("page.bin"), filled(4000, 0xA5));
    Path file =
        steps(
            "# the chain TF-RMM answered, one call of each kind",
            "REALM_CREATE s2sz=48",
            "INIT_RIPAS base=0x1000 top=0x4000",
            "INIT_RIPAS base=2M top=6M block=2M",
            "DATA_CREATE ipa=4K fill=0xa5   # measured",
            "DATA_CREATE ipa=0x2000 flags=0 file=page.bin",
            "DATA_CREATE_UNKNOWN ipa=0x3000",
            "REC_CREATE pc=0x80000000 gprs=0,0x1111,0x2222,0x3333,0x4444,0x5555,0x6666,0x7777",
            "REC_CREATE flags=0 pc=0");
    assertThat(rim(file, Map.of()))
        .isEqualTo("1e48afce5ef9597fb50cd1bdcb2c582e4eba0b131ffc5954f47a6fab6ff40e50");
  }

  @Test
  void aFileIsOneCallAPageAndItsLastPageIsFilledUp() throws IOException {
    Files.write(folder.resolve("k.bin"), filled(5000, 7));
    Files.write(folder.resolve("page2.bin"), java.util.Arrays.copyOf(filled(904, 7), 4096));
    String one = rim(steps("DATA_CREATE ipa=0x80000000 file=k.bin"), Map.of());
    String two =
        rim(
            steps("DATA_CREATE ipa=0x80000000 fill=7", "DATA_CREATE ipa=0x80001000 file=page2.bin"),
            Map.of());
    assertThat(one).isEqualTo(two);
  }

  @Test
  void stepsTellWhatEntersAndTheRunningValue() throws IOException {
    List<String> seen = new ArrayList<>();
    byte[] value =
        new StepFile(steps("INIT_RIPAS base=0 top=8K", "REC_CREATE pc=0"))
            .run(Map.of(), s -> seen.add(s.type() + " " + s.gpa() + " " + s.running()));
    assertThat(seen).hasSize(4);
    assertThat(seen.get(2)).startsWith("RIPAS 4096 ");
    assertThat(seen.getLast()).endsWith(HexFormat.of().formatHex(value));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "NONSENSE | unknown call 'NONSENSE'",
        "INIT_RIPAS base=0 | INIT_RIPAS lacks top=",
        "INIT_RIPAS base=0 top=5000 | not aligned to entries of 0x1000",
        "INIT_RIPAS base=0 top=2M block=3M | block is 0x300000, not 4K, 2M, 1G or 512G",
        "INIT_RIPAS base=8K top=4K | is empty",
        "INIT_RIPAS base=0 top=1T block=1G | leaves the protected half of a 40-bit IPA space",
        "DATA_CREATE ipa=0 | takes either file= or fill=",
        "DATA_CREATE ipa=0 fill=1 file=x | takes either file= or fill=",
        "DATA_CREATE ipa=1 fill=1 | not 4 KiB aligned",
        "DATA_CREATE ipa=0 fill=1 flags=2 | flags is 0x2",
        "DATA_CREATE ipa=0 file=gone | gone: no such file",
        "DATA_CREATE ipa=zero fill=1 | ipa is not a number: 'zero'",
        "REC_CREATE pc=0 gprs=1,2,3,4,5,6,7,8,9 | gprs lists 9 registers",
        "REC_CREATE pc=0 pc=1 | 'pc' is given twice",
        "REC_CREATE pc | 'pc' is not key=value",
        "REC_CREATE pc=0 x=1 | REC_CREATE has no 'x'",
        "REALM_CREATE s2sz=40 | REALM_CREATE is not the first call"
      })
  void badLinesAreRefusedWithTheirNumber(String line, String what) throws IOException {
    Path file = steps("REALM_CREATE", "", line);
    assertThatThrownBy(() -> rim(file, Map.of()))
        .hasMessageContaining(what)
        .satisfies(e ->
            assertThat(e.getMessage())
                .satisfiesAnyOf(
                    m -> assertThat(m).contains("realm.steps:3: "),
                    m -> assertThat(m).contains("no such file")));
  }

  private static byte[] filled(int size, int value) {
    byte[] out = new byte[size];
    java.util.Arrays.fill(out, (byte) value);
    return out;
  }
}
