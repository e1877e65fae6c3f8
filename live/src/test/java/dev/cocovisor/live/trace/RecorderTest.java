package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where ptrace is allowed; nothing here needs /dev/kvm to work, only a name to open. */
class RecorderTest {
  private static String recorded(boolean filter, String script) throws IOException {
    assumeTrue(RecordingHost.refusal() == null, "nothing can be recorded here");
    try (var recorder = new Recorder()) {
      assumeTrue(
          recorder.run(List.of("sh", "-c", script), filter, false), "ptrace is not allowed here");
      var out = new StringBuilder();
      var _ = recorder.traces().write(out, List.of());
      return out + "exit " + recorder.exitStatus();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aProgramWithoutKvmLeavesNoProgram(boolean filter) throws IOException {
    assertThat(recorded(filter, "true; (exit 3)")).isEqualTo("exit 3");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoOpensKvmIsRecordedWithWhatBecameOfIt(boolean filter) throws IOException {
    boolean kvm = Files.isReadable(Path.of("/dev/kvm"));
    String log = recorded(filter, "exec 7</dev/kvm || exit 1; exec 7<&-");
    if (kvm) {
      assertThat(log.lines()).first().isEqualTo("# program 0");
      assertThat(log)
          .containsPattern("openat\\(AT_FDCWD, \"/dev/kvm\", O_RDONLY\\) = \\d+\n")
          .contains("dup(")
          .contains("close(7) = 0\n")
          .endsWith("exit 0");
    } else {
      assertThat(log).contains("openat(AT_FDCWD, \"/dev/kvm\", O_RDONLY) = -1 E");
    }
  }

  @Test
  void childrenAreProgramsOfTheirOwn() throws IOException {
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    assertThat(recorded(true, "cat </dev/kvm 2>/dev/null; true; (exec 5</dev/kvm); true"))
        .contains("# program 0", "# program 1")
        .doesNotContain("# program 3");
  }

  @Test
  void aCommandThatIsNotThereEndsAsInAShell() throws IOException {
    assertThat(recorded(true, "exec /no/such/command")).isEqualTo("exit 127");
  }
}
