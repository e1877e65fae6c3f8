package dev.cocovisor.cca.rmilog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The recording of TF-RMM's 2.0-bet2: ranges, operations, planes. */
class Rmm2LogReplayTest {
  private static final Path LOG =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance", "rmm-2.0.rmilog.gz");

  private final RmiLogReplayer replayer = new RmiLogReplayer();

  @Test
  void theRecordingOfTfRmmReplaysWithoutAMismatch() throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    ReplaySummary summary =
        replayer.replay(LogSource.file(LOG), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isEmpty();
    assertThat(summary.programs()).isEqualTo(300);
    assertThat(summary.notes()).containsEntry("smc", 49631L).containsEntry("rsi", 697L);
  }

  /** Each kind of line that 2.0 added is falsified once. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          wrote(                     | 0x8003b004       | 0x8003b008
          wrote(                     | {0x80008034}     | {0x80008034, 0x0}
          smc(RMI_OP_MEM_DONATE      | = 0x10d {0x3     | = 0x10d {0x4
          smc(RMI_RTT_DATA_UNMAP     | = 0xd {0x0       | = 0x0 {0x0
          changed()                  | PARTIAL/0x0      | REC/0x0
          changed()                  | REC_AUX/0x0      | DELEGATED/0x0
          exit(                      | s2ap_top=0x2     | s2ap_top=0x3
          exit(                      | rtt_level=0x0    | rtt_level=0x3
          state(                     | = ZOMBIE         | = SYSTEM_OFF
          """)
  void aFalsifiedAnswerIsReported(String line, String right, String wrong) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    replayer.replay(altered(line, right, wrong), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).hasSize(1);
  }

  @Test
  void anInterruptThatIsNeverSampledIsReported() throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    replayer.replay(altered("irq(", "0x1)", "0xffff)"), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isNotEmpty();
    assertThat(mismatches.getFirst().got()).contains("no sampling for irq(0xffff)");
  }

  /** Returns the log as far as the end of the program that has the altered line. */
  private static LogSource altered(String line, String right, String wrong) throws IOException {
    List<String> lines;
    try (BufferedReader reader = LogSource.file(LOG).opener().open()) {
      lines = reader.lines().collect(Collectors.toCollection(ArrayList::new));
    }
    for (int i = 0; i < lines.size(); i++) {
      String text = lines.get(i);
      if (text.startsWith(line) && text.contains(right)) {
        lines.set(i, text.replaceFirst(Pattern.quote(right), wrong));
        int end = i;
        while (!lines.get(end).startsWith("granules(")) {
          end++;
        }
        List<String> cut = new ArrayList<>(lines.subList(0, end + 1));
        cut.add("# end");
        return LogSource.text("altered", String.join("\n", cut));
      }
    }
    throw new AssertionError("the log has no line with " + line + " and " + right);
  }
}
