package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.Map;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A program of more lines than are kept is carried out as a short one is. */
@Tag("slow")
class LongLogTest {
  private static final int LINES = 230_000;

  /** A text whose lines are made when they are read, so that the log itself takes no memory. */
  private static final class Made extends BufferedReader {
    private final IntFunction<String> lines;
    private int next;

    Made(IntFunction<String> lines) {
      super(Reader.nullReader());
      this.lines = lines;
    }

    @Override
    public String readLine() {
      return lines.apply(next++);
    }
  }

  @SuppressWarnings("NullAway") // a reader ends by null
  private static LogSource log() {
    return new LogSource(
        "long.kvmlog",
        () ->
            new Made(i ->
                switch (i) {
                  case 0 -> "# program 3";
                  case 1 -> "backends([\"sw-protected\"])";
                  case 2 -> "vm_launch({memory=0x100000, vcpus=1}) = 1";
                  case 3 -> "vm_finalize(1) = 0";
                  case LINES - 2 -> "vm_read(1, {at=0}) = 0 (OK, value=1)";
                  case LINES - 1 -> "vm_punch(7, {at=0, size=0x1000}) = -1 EBADF";
                  case LINES -> null;
                  default ->
                      i > 4 && i % 5 == 4
                          ? "expect({sw-protected=\"0 (OK)\"})"
                          : "vm_write(1, {at=0x%x, value=%d})".formatted(i % 250 * 4096, i % 200);
                }));
  }

  @Test
  void aLongProgramReplays() throws IOException {
    var found = new ArrayList<Mismatch>();
    LogSource log = log();
    ReplaySummary summary =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                new LogSource(log.name(), () -> withoutTheLast(log)),
                ReplayOptions.ALL,
                found::add);
    assertThat(summary.programs()).isEqualTo(1);
    assertThat(summary.calls()).isGreaterThan(150_000);
    assertThat(found).hasSize(1);
    assertThat(found.getFirst().line()).isEqualTo(LINES - 1);
    assertThat(found.getFirst().program()).isEqualTo(3);
  }

  /** The last line names a VM that is not there, which a replay refuses. */
  private static BufferedReader withoutTheLast(LogSource log) throws IOException {
    BufferedReader in = log.opener().open();
    int[] left = {LINES - 1};
    return new Made(i -> {
      try {
        return left[0]-- > 0 ? in.readLine() : end();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    });
  }

  @SuppressWarnings("NullAway") // a reader ends by null
  private static String end() {
    return null;
  }

  @Test
  void aLongScenarioRuns() throws IOException {
    LogSource log = log();
    var scenario =
        Scenario.read(
            new LogSource(log.name(), () -> withoutTheLast(log)),
            StepWords.of(Technologies.builtIn()));
    assertThat(scenario.backends()).containsExactly("sw-protected");
    long[] steps = new long[2];
    try (var run = new ScenarioRun(scenario, Technologies.builtIn(), "sw-protected", Map.of())) {
      run.run(s -> {
        steps[0]++;
        steps[1] += s.unmet() == null ? 0 : 1;
      });
    }
    assertThat(steps[0]).isGreaterThan(150_000);
    assertThat(steps[1]).isEqualTo(1);
  }
}
