package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.sched.RefCount;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What it would save at most to know a state again: at moments when every part is between two
 * calls, what a host says of itself and what was answered so far is compared with all such moments
 * that another order of steps came to. What is behind one met before would not be made. What a host
 * says leaves things out, so more states look alike than are ({@code docs/adr/0017}).
 */
class StatesMetTwiceTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  /** Follows a search and takes note of the steps behind states that were met before. */
  private static final class Watched implements Strategy {
    private final Map<String, Schedule> met = new HashMap<>();
    private BoundedSearch search = BoundedSearch.preemptions(2);
    private int[] sinceCall = {};
    private boolean again;
    private int saves;
    private long executions;
    private long steps;
    private long moments;
    private long saved;

    private void run(Subject subject) {
      try (var fibers = new Fibers()) {
        for (boolean more = true; more; ) {
          try (Trial trial = subject.newTrial()) {
            sinceCall = new int[trial.parts().size()];
            again = false;
            saves = 0;
            var x = new Execution(trial, this, Oracle.TRIAL, fibers, 20_000, false);
            x.watch(() -> look(x, trial));
            x.run();
            executions++;
            steps += x.steps();
            saved += again ? x.steps() - saves : 0;
            more = ended(x) || more();
          }
        }
      }
    }

    private boolean more() {
      Strategy next = search.again(List.of(search));
      search = next == null ? search : (BoundedSearch) next;
      return next != null;
    }

    private void look(Execution x, Trial trial) {
      var state = new StringBuilder();
      boolean begun = false;
      for (int p = 0; p < sinceCall.length; p++) {
        List<Trial.Call> calls = x.parts().get(p).calls();
        boolean ended = !x.answer(p, calls.size() - 1).isEmpty();
        if (!ended && sinceCall[p] > 0 && !x.isBoundary(x.pending(p))) {
          return;
        }
        for (int c = 0; c < calls.size(); c++) {
          state.append(p).append('.').append(x.answer(p, c)).append('\n');
          begun |= !x.answer(p, c).isEmpty();
        }
      }
      if (!begun || again) {
        return;
      }
      moments++;
      Schedule way = x.schedule();
      Schedule first = met.putIfAbsent(state.append(trial.look()).toString(), way);
      if (first != null && !first.equals(way)) {
        again = true;
        saves = x.steps();
      }
    }

    @Override
    public String name() {
      return "watched";
    }

    @Override
    public void begin() {
      search.begin();
    }

    @Override
    public int next(Execution x, int[] options, int n, int running, boolean yields) {
      return search.next(x, options, n, running, yields);
    }

    @Override
    public void step(ScheduleStep s) {
      search.step(s);
      sinceCall[s.part()]++;
    }

    @Override
    public boolean ended(Execution x) {
      return search.ended(x);
    }
  }

  private static Watched watched(Subject subject) {
    var w = new Watched();
    w.run(subject);
    System.err.printf(
        "%s: %d executions, %d steps, %d moments between calls, %d steps behind states met twice"
            + " (%.1f %%)%n",
        subject.name(), w.executions, w.steps, w.moments, w.saved, 100.0 * w.saved / w.steps);
    return w;
  }

  private static Subject race(String name, String technology) throws IOException {
    Path file = ROOT.resolve("examples/races/" + name + ".kvmlog");
    return new ScenarioSubject(
        Scenario.read(LogSource.file(file), StepWords.of(All.TECHNOLOGIES)),
        All.TECHNOLOGIES,
        technology,
        Map.of());
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "fault-and-punch, sw-protected",
    "convert-and-fault, sw-protected",
    "fault-and-munmap, sw-protected",
    "prefault-and-slot-delete, sw-protected",
    "write-and-dirty-logging, sw-protected",
    "fault-and-close-memory, sw-protected",
    "finish-and-create-vcpu, sev-snp",
    "populate-and-convert, tdx"
  })
  void racesHardlyMeetAStateTwiceBetweenCalls(String name, String technology) throws IOException {
    Watched w = watched(race(name, technology));
    assertThat(w.executions).isGreaterThan(4);
    assertThat(w.moments).isPositive();
    assertThat(w.saved * 10).isLessThan(w.steps);
  }

  @Test
  void partsOfManySmallCallsDo() {
    Watched w = watched(new Counted());
    assertThat(w.saved * 20).isBetween(w.steps, w.steps * 20);
  }

  /** Two parts whose calls leave nothing behind: many orders of calls come to the same states. */
  private static final class Counted implements Subject {
    @Override
    public String name() {
      return "six calls that leave nothing behind";
    }

    @Override
    public Trial newTrial() {
      var shared = new RefCount("shared", 1);
      List<Trial.Call> calls = List.of(call(shared), call(shared), call(shared));
      return new Trial() {
        @Override
        public List<Part> parts() {
          return List.of(new Part("a", calls), new Part("b", calls));
        }

        @Override
        public void checkAlways(Consumer<String> violation) {}

        @Override
        public void checkAtRest(Consumer<String> violation) {}

        @Override
        public void close() {}
      };
    }

    private static Trial.Call call(RefCount shared) {
      return new Trial.Call(
          "get and put",
          () -> {
            shared.get();
            var _ = shared.put();
            return "0";
          });
    }
  }
}
