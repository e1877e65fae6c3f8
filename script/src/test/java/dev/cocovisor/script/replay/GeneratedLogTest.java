package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.script.generate.ProgramGenerator;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the model answers once it answers always, and what it answers is what its log says. */
class GeneratedLogTest {
  private static String log(long seed, int programs, HostConfig host) {
    var text = new StringBuilder();
    for (int i = 0; i < programs; i++) {
      text.append("# program ").append(i).append('\n');
      ProgramGenerator.generate(
          seed + i, host, 40, c -> text.append(LogWriter.line(c)).append('\n'), _ -> {});
    }
    return text.toString();
  }

  private static void replays(long seed, int programs, HostConfig host) throws IOException {
    String text = log(seed, programs, host);
    var found = new ArrayList<Mismatch>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(LogSource.text("seed-" + seed, text), ReplayOptions.ALL, found::add);
    assertThat(found).as("cocovisor generate --seed %d", seed).isEmpty();
    assertThat(s.programs()).isEqualTo(programs);
    assertThat(log(seed, programs, host)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 1_000, 77_000})
  void aSavedRunReplaysWithoutADifference(long seed) throws IOException {
    replays(seed, 100, HostConfig.DEFAULT);
    replays(seed, 30, HostConfig.DEFAULT.withTdpMmu(false));
  }

  @Test
  @Tag("slow")
  void twoThousandProgramsReplayWithoutADifference() throws IOException {
    replays(9_000_000, 2_000, HostConfig.DEFAULT);
  }

  @Test
  void oneChangedAnswerIsFoundAndNamed() throws IOException {
    String text = log(5, 3, HostConfig.DEFAULT);
    String[] lines = text.split("\n");
    int changed = 0;
    for (int i = 0; i < lines.length; i++) {
      if (lines[i].startsWith("ioctl(") && lines[i].endsWith("flags=0}) = 0")) {
        lines[i] = lines[i].substring(0, lines[i].length() - 1) + "-1 EBUSY";
        changed = i + 1;
        break;
      }
    }
    assertThat(changed).isPositive();
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(LogSource.text("t", String.join("\n", lines)), ReplayOptions.ALL, found::add);
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().line()).isEqualTo(changed);
    assertThat(found.getFirst().expected()).isEqualTo("-1 EBUSY");
    assertThat(found.getFirst().got()).isEqualTo("0");
  }

  @Test
  void aCounterThatMovesInSilenceIsFound() throws IOException {
    String text = log(5, 20, HostConfig.DEFAULT);
    var found = new ArrayList<Mismatch>();
    String silent = text.replaceFirst("(?m)(guest_.*HLT.*\n)kvm_stats\\(.*\n", "$1");
    assertThat(silent).isNotEqualTo(text);
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(LogSource.text("t", silent), ReplayOptions.ALL, found::add);
    assertThat(found).isNotEmpty();
    assertThat(found.getFirst().expected()).startsWith("page counters stay {pages_4k=");
  }
}
