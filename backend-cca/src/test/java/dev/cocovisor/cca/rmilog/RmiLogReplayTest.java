package dev.cocovisor.cca.rmilog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.cca.kvm.CcaBackend;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RmiLogReplayTest {
  private static final Path LOG =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance", "rmm-1.0.rmilog.gz");

  private final RmiLogReplayer replayer = new RmiLogReplayer();

  @Test
  void theRecordingOfTfRmmReplaysWithoutAMismatch() throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    ReplaySummary summary =
        replayer.replay(LogSource.file(LOG), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isEmpty();
    assertThat(summary.programs()).isEqualTo(400);
    assertThat(summary.notes()).containsEntry("smc", 54644L).containsEntry("rsi", 1257L);
  }

  @Test
  void oneProgramCanBeReplayedAlone() throws IOException {
    ReplaySummary summary =
        replayer.replay(LogSource.file(LOG), new ReplayOptions(17, 0), MismatchSink.NONE);
    assertThat(summary.programs()).isEqualTo(1);
    assertThat(summary.mismatches()).isZero();
  }

  /** Each kind of line is falsified once; a replayer that compared less would not notice. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          smc(RMI_GRANULE_DELEGATE   | = 0x0            | = 0x1
          smc(RMI_RTT_READ_ENTRY     | = 0x0 {0x        | = 0x0 {0x7
          smc(RMI_RTT_DESTROY        | = 0x0 {0x8       | = 0x0 {0x9
          changed()                  | DELEGATED/0x0    | DELEGATED/0x1
          changed()                  | RTT/0x1          | RTT/0x2
          state(                     | NEW              | ACTIVE
          rim(                       | = 6739           | = 6738
          rsi(RSI_IPA_STATE_GET      | = 0x0 {0x        | = 0x0 {0x1
          exit(                      | reason=IRQ       | reason=FIQ
          smc(RMI_REC_ENTER          | = enter {0x      | = enter {0xf
          granules()                 | RTT/             | RTT/0x1
          """)
  void aFalsifiedAnswerIsReported(String line, String right, String wrong) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    replayer.replay(falsified(line, right, wrong), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).hasSize(1);
    assertThat(mismatches.getFirst().expected()).contains(wrong.strip().replace("= ", ""));
  }

  @Test
  void aChangeThatTheLogDoesNotTellIsReported() throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    LogSource source =
        LogSource.text(
            "silent",
            """
            # program 0
            smc(RMI_GRANULE_DELEGATE, 0x80000000) = 0x0
            granules() = {0x80000000:DELEGATED/0x0}
            # end
            """);
    replayer.replay(source, ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches)
        .singleElement()
        .satisfies(m -> {
          assertThat(m.line()).isEqualTo(2);
          assertThat(m.got()).isEqualTo("changed() = {0x80000000:DELEGATED/0x0}");
        });
  }

  @Test
  void replayStopsAtTheLimitOfMismatches() throws IOException {
    String body = "smc(RMI_GRANULE_UNDELEGATE, 0x80000000) = 0x0\n".repeat(9);
    ReplaySummary summary =
        replayer.replay(
            LogSource.text("limit", "# program 3\n" + body + "# end\n"),
            new ReplayOptions(-1, 2),
            MismatchSink.NONE);
    assertThat(summary.mismatches()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          smc(RMI_NO_SUCH_THING, 0x1) = 0x0  | log:2:5: 'RMI_NO_SUCH_THING, 0x1) = 0x0', expected a command of RMI 1.0
          smc(RMI_VERSION, 12) = 0x0         | log:2:18: '12) = 0x0', expected a number such as 0x1f
          smc RMI_VERSION                    | log:2:1: 'smc RMI_VERSION', expected name(arguments) = result
          poke(0x1) = 0x0                    | log:2:1: 'poke(0x1) = 0x0', expected a call of the rmilog grammar
          realm(IRQ) = exit                  | log:2:1: 'realm(IRQ) = exit', expected no realm action while no REC runs
          ns_write(0x80000000, 0x3, 0x0) = 0x0 | log:2:1: 'ns_write(0x80000000, 0x3, 0x0) = 0x0', expected a width of 1, 2, 4 or 8 bytes
          """)
  void brokenLinesSayWhereAndWhatWasExpected(String line, String message) {
    LogSource source = LogSource.text("log", "# program 0\n" + line + "\n# end\n");
    assertThatThrownBy(() -> replayer.replay(source, ReplayOptions.ALL, MismatchSink.NONE))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessage(message);
  }

  @Test
  void aLogWithoutItsEndIsRefused() {
    LogSource source = LogSource.text("cut", "# program 0\n");
    assertThatThrownBy(() -> replayer.replay(source, ReplayOptions.ALL, MismatchSink.NONE))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessageContaining("cut:2:1: end of file, expected '# end'");
  }

  @Test
  void theReplayerIsFoundByItsSuffix() {
    assertThat(new CcaBackend().replayers())
        .anyMatch(r -> r.suffix().equals("rmilog") && !r.description().isEmpty());
  }

  private static LogSource falsified(String line, String right, String wrong) throws IOException {
    List<String> lines;
    try (BufferedReader reader = LogSource.file(LOG).opener().open()) {
      lines = reader.lines().collect(Collectors.toCollection(ArrayList::new));
    }
    for (int i = 0; i < lines.size(); i++) {
      String text = lines.get(i);
      if (text.startsWith(line) && text.contains(right)) {
        lines.set(i, text.replaceFirst(java.util.regex.Pattern.quote(right), wrong));
        return LogSource.text("falsified", String.join("\n", lines));
      }
    }
    throw new AssertionError("the log has no line with " + line + " and " + right);
  }
}
