package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A search gives the same however many threads share it. */
class WorkersTest {
  /** Three who count on one word without a lock; at rest each lost update is a kind of its own. */
  private static final class Counters implements Trial {
    private static final String[] WORDS = {"none", "one", "two", "three", "four", "five"};
    private final int rounds;
    private int value;

    Counters(int rounds) {
      this.rounds = rounds;
    }

    private String count() {
      for (int i = 0; i < rounds; i++) {
        SchedulePoint.read(PointKind.TRUSTED_WORD, this, 0);
        int was = value;
        SchedulePoint.write(PointKind.TRUSTED_WORD, this, 0);
        value = was + 1;
      }
      return "0";
    }

    @Override
    public List<Part> parts() {
      List<Part> all = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        all.add(new Part("p" + i, List.of(new Call("count", this::count))));
      }
      return all;
    }

    @Override
    public void checkAlways(Consumer<String> violation) {}

    @Override
    public void checkAtRest(Consumer<String> violation) {
      if (value < 3 * rounds) {
        violation.accept("counted to " + WORDS[value]);
      }
    }

    @Override
    public String ending() {
      return "value " + value;
    }

    @Override
    public void close() {}
  }

  private static final Set<Thread> MADE_ON = ConcurrentHashMap.newKeySet();

  private static Subject counters(int rounds) {
    return new Subject() {
      @Override
      public String name() {
        return "counters";
      }

      @Override
      public Trial newTrial() {
        MADE_ON.add(Thread.currentThread());
        return new Counters(rounds);
      }
    };
  }

  private static String told(Report r) {
    StringBuilder s = new StringBuilder(r.summary()).append(" steps=" + r.steps());
    r.outcomes().forEach((text, n) -> s.append('\n').append(n).append(" x ").append(text));
    for (Finding f : r.findings()) {
      s.append('\n').append(f.found() + ": " + f.what() + " " + f.schedule());
    }
    return s.toString();
  }

  static List<Search> searches() {
    return List.of(
        new Search.Preemptions(2),
        new Search.Delays(3),
        new Search.Calls(),
        new Search.Dpor(),
        new Search.Pct(3, 3, 100),
        new Search.Pos(4, 100),
        new Search.Uniform(5, 100));
  }

  @ParameterizedTest
  @MethodSource("searches")
  void theFirstFindingIsThatOfOneWorker(Search search) {
    for (int kinds : new int[] {1, 9}) {
      var explorer = new Explorer(Limits.DEFAULT.withFindings(kinds), false);
      String alone = told(explorer.explore(counters(1), search));
      for (int workers = 2; workers <= 3; workers++) {
        for (int again = 0; again < 3; again++) {
          assertThat(told(explorer.withWorkers(workers).explore(counters(1), search)))
              .as("%d workers, %d kinds", workers, kinds)
              .isEqualTo(alone);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"fault-and-punch", "convert-and-fault", "fault-and-slot-delete"})
  void aRaceSharedAmongWorkersHasTheSameOutcomes(String race) throws IOException {
    var technologies = Technologies.builtIn();
    Path file =
        Path.of(System.getProperty("cocovisor.root"), "examples", "races", race + ".kvmlog");
    Scenario scenario = Scenario.read(LogSource.file(file), StepWords.of(technologies));
    Subject s = new ScenarioSubject(scenario, technologies, "sw-protected", Map.of());
    var explorer = new Explorer(Limits.DEFAULT, true);
    String alone = told(explorer.explore(s, new Search.Preemptions(1)));
    assertThat(alone).contains("exhaustive");
    assertThat(told(explorer.withWorkers(2).explore(s, new Search.Preemptions(1))))
        .isEqualTo(alone);
  }

  @Test
  void severalThreadsMakeTheSchedules() {
    MADE_ON.clear();
    var explorer = new Explorer(Limits.DEFAULT.withFindings(9), false).withWorkers(3);
    assertThat(explorer.explore(counters(2), new Search.Preemptions(3)).exhaustive()).isTrue();
    assertThat(MADE_ON).hasSizeGreaterThan(1);
  }

  @Test
  void whatAWorkerThrowsIsThrown() {
    Subject broken =
        new Subject() {
          @Override
          public String name() {
            return "broken";
          }

          @Override
          public Trial newTrial() {
            throw new IllegalStateException("no host");
          }
        };
    assertThatThrownBy(() ->
            new Explorer(Limits.DEFAULT, true)
                .withWorkers(2)
                .explore(broken, new Search.Preemptions(1)))
        .hasMessage("no host");
    assertThatThrownBy(() -> new Explorer(Limits.DEFAULT, true).withWorkers(0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
