package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Programs whose answers were read in the kernel's source where nobody recorded them. */
class SourceLogsTest {
  private static final Path X86 =
      Path.of(System.getProperty("cocovisor.root"), "conformance", "x86");

  @ParameterizedTest
  @CsvSource({"dirty-ring, 2", "smm, 3", "statistics, 1", "memfile-2022, 3", "map-memory, 4"})
  void answersAreTheSources(String name, int programs) throws IOException {
    List<String> wrong = new ArrayList<>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.file(X86.resolve(name + ".kvmlog")),
                new ReplayOptions(-1, 0),
                m -> wrong.add(m.call() + " " + m.expected() + " " + m.got()));
    assertThat(wrong).isEmpty();
    assertThat(s.programs()).isEqualTo(programs);
  }
}
