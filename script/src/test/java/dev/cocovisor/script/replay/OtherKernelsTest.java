package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Profiles are real: what one kernel answered, another one's profile does not. */
class OtherKernelsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"), "conformance");

  @ParameterizedTest
  @CsvSource({
    "kvm-x86-6.12, 7.3, 532",
    "kvm-x86-6.12, 6.18, 449",
    "kvm-x86-7.2, 7.3, 2",
    "kvm-x86-7.2, 6.18, 99",
    "kvm-x86-7.3-flags0, 6.12, 265",
    "kvm-x86-6.18-pvm, 6.12, 574",
    "kvm-x86-6.18-pvm, 7.3, 261",
    "kvm-x86-6.12-shadow, 7.3, 206"
  })
  void aLogDiffersFromTheProfileOfAnotherKernel(String log, String kernel, long differences)
      throws IOException {
    assertThat(differences(log, Map.of("kernel", kernel))).isEqualTo(differences);
  }

  /** By default 7.3's VMs keep attributes themselves, and 7.4's have none. */
  @ParameterizedTest
  @CsvSource({
    "kvm-x86-7.4-inplace, 7.3, 5593",
    "kvm-x86-7.4-inplace, 7.4, 10157",
    "kvm-x86-7.4-inplace-seed101, 7.3, 1576",
    "kvm-x86-7.4-inplace-seed101, 7.4, 5480",
    "kvm-x86-7.4-inplace-shadow, 7.3, 96",
    "kvm-x86-7.4-inplace-shadow, 7.4, 402"
  })
  void aLogOfConversionsInPlaceDiffersFromAHostWithoutThem(
      String log, String kernel, long differences) throws IOException {
    assertThat(differences(log, Map.of("kernel", kernel, "gmem_in_place_conversion", "0")))
        .isEqualTo(differences);
  }

  private static long differences(String log, Map<String, String> settings) throws IOException {
    long[] found = {0};
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .withSettings(settings)
            .replay(
                LogSource.file(ROOT.resolve(log + ".kvmlog.gz")),
                ReplayOptions.ALL,
                _ -> found[0]++);
    return found[0];
  }
}
