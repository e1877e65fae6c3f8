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
    long[] found = {0};
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .withSettings(Map.of("kernel", kernel))
            .replay(
                LogSource.file(ROOT.resolve(log + ".kvmlog.gz")),
                ReplayOptions.ALL,
                _ -> found[0]++);
    assertThat(found[0]).isEqualTo(differences);
  }
}
