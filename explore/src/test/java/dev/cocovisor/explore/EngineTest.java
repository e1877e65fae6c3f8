package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The engine on toys whose every outcome is known. */
class EngineTest {
  private static final Explorer PLAIN = new Explorer(Limits.DEFAULT, false);

  /** Takes few steps for a livelock: looking for the shortest makes thousands of them. */
  private static final Explorer SHORT = new Explorer(new Limits(1_000_000, 600_000, 200, 1), false);

  /** A word that parts share. */
  private static final class Cell {
    int value;

    int get() {
      SchedulePoint.read(PointKind.TRUSTED_WORD, this, 0);
      return value;
    }

    void set(int to) {
      SchedulePoint.write(PointKind.TRUSTED_WORD, this, 0);
      value = to;
    }
  }

  private record Toy(List<Part> parts, Consumer<Consumer<String>> rest, Supplier<String> end)
      implements Trial {
    @Override
    public void checkAlways(Consumer<String> violation) {}

    @Override
    public void checkAtRest(Consumer<String> violation) {
      rest.accept(violation);
    }

    @Override
    public String ending() {
      return end.get();
    }

    @Override
    public void close() {}
  }

  private static Trial.Part part(String name, Runnable... calls) {
    return new Trial.Part(
        name,
        java.util.Arrays.stream(calls)
            .map(c ->
                new Trial.Call(
                    "call",
                    () -> {
                      c.run();
                      return "0";
                    }))
            .toList());
  }

  private static Subject subject(String name, Supplier<Trial> make) {
    return new Subject() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Trial newTrial() {
        return make.get();
      }
    };
  }

  /** Parts that add one to a word without a lock. */
  private static Subject counters(int parts, boolean locked) {
    return subject(
        "counters",
        () -> {
          var cell = new Cell();
          var lock = new ModelLock("lock");
          Function<Integer, Trial.Part> adder =
              i ->
                  part(
                      "p" + i,
                      () -> {
                        if (locked) {
                          lock.lock();
                        }
                        cell.set(cell.get() + 1);
                        if (locked) {
                          lock.unlock();
                        }
                      });
          return new Toy(
              java.util.stream.IntStream.range(0, parts).boxed().map(adder).toList(),
              v -> {},
              () -> "value " + cell.value);
        });
  }

  private static Set<String> endings(Report r) {
    var ends = new TreeSet<String>();
    r.outcomes().keySet().forEach(o -> ends.add(o.substring(o.lastIndexOf('\n') + 1)));
    return ends;
  }

  @Test
  void aLostUpdateIsSeenByEverySearch() {
    for (Search s :
        List.of(
            new Search.Preemptions(1),
            new Search.Preemptions(2),
            new Search.Dpor(),
            new Search.Delays(2),
            new Search.Pct(1, 3, 300),
            new Search.Pos(1, 300),
            new Search.Uniform(1, 300))) {
      Report r = PLAIN.explore(counters(2, false), s);
      assertThat(endings(r)).as(s.toString()).containsExactly("value 1", "value 2");
    }
    assertThat(endings(PLAIN.explore(counters(2, false), new Search.Preemptions(0))))
        .containsExactly("value 2");
  }

  @Test
  void threePartsLoseUpToTwoUpdatesAndDporSeesTheSameWithFewerExecutions() {
    Report all = PLAIN.explore(counters(3, false), new Search.Preemptions(9));
    Report dpor = PLAIN.explore(counters(3, false), new Search.Dpor());
    assertThat(endings(all)).containsExactly("value 1", "value 2", "value 3");
    assertThat(endings(dpor)).isEqualTo(endings(all));
    assertThat(dpor.outcomes().keySet()).isEqualTo(all.outcomes().keySet());
    assertThat(dpor.exhaustive()).isTrue();
    assertThat(dpor.schedules()).isLessThan(all.schedules());
  }

  /** Parts whose steps on shared words stand between steps on a word of their own. */
  private static Subject counterBetweenOwnWords(int parts) {
    return subject(
        "counters between own words",
        () -> {
          var first = new Cell();
          var second = new Cell();
          Function<Integer, Trial.Part> adder =
              i -> {
                var own = new Own(i);
                return part(
                    "p" + i,
                    () -> {
                      own.touch();
                      first.set(first.get() + 1);
                      own.touch();
                      own.touch();
                      second.set(2 * second.get() + i);
                    });
              };
          return new Toy(
              java.util.stream.IntStream.range(0, parts).boxed().map(adder).toList(),
              v -> {},
              () -> "first " + first.value + " second " + second.value);
        });
  }

  /** A word that one part alone touches. */
  private record Own(int part) implements Place {
    @Override
    public String placeName(long index) {
      return "own " + part;
    }

    void touch() {
      SchedulePoint.write(PointKind.TRUSTED_WORD, this, 0);
    }
  }

  @Test
  void stepsOfAPartsOwnHideNoOrderOfTheOthers() {
    Set<String> dpor = endings(PLAIN.explore(counterBetweenOwnWords(2), new Search.Dpor()));
    for (Search s : List.of(new Search.Preemptions(9), new Search.Delays(9))) {
      Report all = PLAIN.explore(counterBetweenOwnWords(2), s);
      assertThat(all.exhaustive()).as(s.toString()).isTrue();
      assertThat(endings(all)).as(s.toString()).isEqualTo(dpor);
    }
  }

  @Test
  void aBoundSeesWhatPlainEnumerationSeesWithinItWhateverStepsStandBetween() {
    for (int bound = 0; bound <= 4; bound++) {
      var expected = new TreeSet<String>();
      for (int first = 0; first < 2; first++) {
        enumerate(new int[2][3], first, bound, expected);
      }
      Report r = PLAIN.explore(counterBetweenOwnWords(2), new Search.Preemptions(bound));
      assertThat(r.exhaustive()).isTrue();
      assertThat(endings(r)).as("bound " + bound).isEqualTo(expected);
    }
  }

  /**
   * All ends of the four shared steps of two parts by recursion.
   *
   * @param parts by part: its next step, what it read last, and one of the two shared words
   */
  private static void enumerate(int[][] parts, int running, int left, Set<String> ends) {
    int[] me = parts[running];
    if (me[0] == 4) {
      if (parts[1 - running][0] == 4) {
        ends.add("first " + parts[0][2] + " second " + parts[1][2]);
      } else {
        enumerate(parts, 1 - running, left, ends);
      }
      return;
    }
    if (left > 0 && parts[1 - running][0] < 4) {
      stepped(parts, 1 - running, left - 1, ends);
    }
    stepped(parts, running, left, ends);
  }

  private static void stepped(int[][] parts, int running, int left, Set<String> ends) {
    int[][] next = {parts[0].clone(), parts[1].clone()};
    int[] me = next[running];
    switch (me[0]++) {
      case 0 -> me[1] = next[0][2];
      case 1 -> next[0][2] = me[1] + 1;
      case 2 -> me[1] = next[1][2];
      default -> next[1][2] = 2 * me[1] + running;
    }
    enumerate(next, running, left, ends);
  }

  @Test
  void underALockNothingIsLostInAnyOrder() {
    for (Search s : List.of(new Search.Preemptions(3), new Search.Dpor())) {
      Report r = PLAIN.explore(counters(3, true), s);
      assertThat(endings(r)).as(s.toString()).containsExactly("value 3");
      assertThat(r.exhaustive()).isTrue();
      assertThat(r.findings()).isEmpty();
    }
  }

  private static Subject crossed() {
    return subject(
        "crossed",
        () -> {
          var a = new ModelLock("a");
          var b = new ModelLock("b");
          return new Toy(
              List.of(
                  part(
                      "one",
                      () -> {
                        a.lock();
                        b.lock();
                        b.unlock();
                        a.unlock();
                      }),
                  part(
                      "two",
                      () -> {
                        b.lock();
                        a.lock();
                        a.unlock();
                        b.unlock();
                      })),
              v -> {},
              () -> "");
        });
  }

  @Test
  void aDeadlockSaysWhoWaitsForWhatAndWhatTheyHold() {
    for (Search s : List.of(new Search.Preemptions(1), new Search.Dpor())) {
      Report r = new Explorer(Limits.DEFAULT.withFindings(2), false).explore(crossed(), s);
      assertThat(r.findings()).hasSize(2);
      assertThat(r.findings().getFirst().what()).startsWith("lock order: ");
      Finding f = r.findings().getLast();
      assertThat(f.what())
          .startsWith("deadlock: ")
          .contains("one waits for LOCK b and holds a")
          .contains("two waits for LOCK a and holds b");
      assertThat(f.preemptions()).isEqualTo(1);
      Report again = PLAIN.replay(crossed(), Schedule.parse(f.schedule().toString()), Set.of());
      assertThat(again.findings().getFirst().what()).isEqualTo(f.what());
      assertThat(again.findings().getFirst().lanes()).isEqualTo(f.lanes());
    }
  }

  @Test
  void answersThatNoOrderOfWholeCallsGivesAreAFinding() {
    Report r =
        new Explorer(Limits.DEFAULT, true).explore(counters(2, false), new Search.Preemptions(1));
    assertThat(r.findings()).hasSize(1);
    assertThat(r.findings().getFirst().what())
        .contains("no order of whole calls")
        .contains("value 1");
    Report allowed =
        new Explorer(Limits.DEFAULT, true)
            .explore(
                counters(2, false),
                new Search.Preemptions(1),
                Set.of("p0: call = 0\np1: call = 0\nvalue 1"));
    assertThat(allowed.findings()).isEmpty();
  }

  @Test
  void withMoreOrdersOfWholeCallsThanCanBeTriedAnswersAreNotJudgedAndNothingIsCalledProved() {
    Subject many =
        subject(
            "many",
            () -> {
              var cell = new Cell();
              Runnable add = () -> cell.set(cell.get() + 1);
              Runnable[] calls = new Runnable[9];
              java.util.Arrays.fill(calls, add);
              return new Toy(
                  List.of(part("a", calls), part("b", calls)), v -> {}, () -> "" + cell.value);
            });
    Report r =
        new Explorer(Limits.DEFAULT.withSchedules(3_000), true)
            .explore(many, new Search.Preemptions(1));
    assertThat(r.findings()).isEmpty();
    assertThat(r.exhaustive()).isFalse();
  }

  @Test
  void whoRetriesLetsOthersGoAndForEverIsALivelock() {
    Report fair = PLAIN.explore(waiting(true), new Search.Preemptions(2));
    assertThat(fair.findings()).isEmpty();
    assertThat(fair.exhaustive()).isTrue();
    Report spin = PLAIN.explore(waiting(false), new Search.Preemptions(2));
    assertThat(spin.findings().getFirst().what()).startsWith("livelock: ");
  }

  private static Subject waiting(boolean somebodySets) {
    return subject(
        "waiting",
        () -> {
          var flag = new Cell();
          return new Toy(
              List.of(
                  part(
                      "waits",
                      () -> {
                        while (flag.get() == 0) {
                          SchedulePoint.reach(PointKind.RETRY, flag, 1, Mode.READ);
                        }
                      }),
                  part("sets", () -> flag.set(somebodySets ? 1 : 0))),
              v -> {},
              () -> "");
        });
  }

  @Test
  void twoWhoRetryDoNotTakeTurnsForEverOverAThirdThatCouldGoOn() {
    for (Search s : List.of(new Search.Preemptions(1), new Search.Delays(2), new Search.Dpor())) {
      Report fair = SHORT.explore(twoWaiting(true), s);
      assertThat(fair.findings()).as(s.toString()).isEmpty();
      assertThat(fair.exhaustive()).as(s.toString()).isTrue();
      Report spin = SHORT.explore(twoWaiting(false), s);
      assertThat(spin.findings().getFirst().what()).as(s.toString()).startsWith("livelock: ");
    }
  }

  @Test
  void aLivelocksScheduleIsAShortLineThatIsFollowedToTheSameEnd() {
    Finding f = SHORT.explore(twoWaiting(false), new Search.Delays(1)).findings().getFirst();
    String line = f.schedule().toString();
    assertThat(f.schedule().length()).isGreaterThan(80);
    assertThat(line).hasSizeLessThan(40).containsPattern("\\([0-9* ]+\\)\\*[0-9]+");
    assertThat(Schedule.parse(line)).isEqualTo(f.schedule());
    Finding again =
        SHORT.replay(twoWaiting(false), Schedule.parse(line), Set.of()).findings().getFirst();
    assertThat(again.what()).isEqualTo(f.what());
    assertThat(again.lanes()).isEqualTo(f.lanes());
    assertThat(again.schedule()).hasToString(line);
  }

  /** Each that waits writes as it does so: for the other something has changed. */
  private static Subject twoWaiting(boolean somebodySets) {
    return subject(
        "two waiting",
        () -> {
          var flag = new Cell();
          Supplier<Runnable> waits =
              () -> {
                var tries = new Cell();
                return () -> {
                  while (flag.get() == 0) {
                    tries.set(tries.value + 1);
                    SchedulePoint.reach(PointKind.RETRY, flag, 1, Mode.READ);
                  }
                };
              };
          return new Toy(
              List.of(
                  part("waits", waits.get()),
                  part("sets", () -> flag.set(somebodySets ? 1 : 0)),
                  part("waits too", waits.get())),
              v -> {},
              () -> "");
        });
  }

  @Test
  void anExceptionOfAPartIsAFindingWithItsCall() {
    Subject s =
        subject(
            "throws",
            () ->
                new Toy(
                    List.of(
                        part(
                            "bad",
                            () -> {
                              throw new IllegalStateException("no");
                            })),
                    v -> {},
                    () -> ""));
    assertThat(PLAIN.explore(s, new Search.Preemptions(0)).findings().getFirst().what())
        .isEqualTo("bad: call threw java.lang.IllegalStateException: no");
  }

  @Test
  void aScheduleReadsAsItIsWritten() {
    Schedule s = Schedule.of(0, 0, 1, 1, 1, 0);
    assertThat(s).hasToString("0*2 1*3 0");
    assertThat(Schedule.parse("0*2 1*3 0")).isEqualTo(s);
  }

  @Test
  void whatComesAgainAndAgainInAScheduleIsWrittenOnce() {
    for (String text :
        List.of(
            "",
            "7",
            "0 1 0 1 0 1",
            "(0 1)*4",
            "0*5 (2*3 0*3)*200 2",
            "1 (0*2 1 2)*4 (0*2 1)*10 0*2",
            "0 1 2 0 1 2 0 1 2")) {
      assertThat(Schedule.parse(text)).as(text).hasToString(text);
    }
    assertThat(Schedule.parse("(0 1*2)*3")).isEqualTo(Schedule.of(0, 1, 1, 0, 1, 1, 0, 1, 1));
    assertThat(Schedule.parse("(0*2)*11 1")).hasToString("0*22 1");
  }

  @Test
  void aScheduleThatIsNoneSaysWhichWordIsWrong() {
    for (var wrong :
        Map.of(
                "0 x", "'x'",
                "0*0 1", "'0*0'",
                "-1", "'-1'",
                "(0 1", "'(0'",
                "0 1)*2", "'1)*2'",
                "(0 (1 2)*3)*4", "'(1'",
                "(0 1)", "'1)'",
                "(0*1000 1)*2000", "'1)*2000'")
            .entrySet()) {
      assertThatThrownBy(() -> Schedule.parse(wrong.getKey()))
          .as(wrong.getKey())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("schedule: " + wrong.getValue() + " ");
    }
  }
}
