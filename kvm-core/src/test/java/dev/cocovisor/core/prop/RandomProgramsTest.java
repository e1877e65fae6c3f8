package dev.cocovisor.core.prop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random programs keep every invariant after every call and leak nothing. */
class RandomProgramsTest {
  private static @Nullable String firstViolation(RandomProgram p) {
    List<String> broken = new ArrayList<>();
    p.kvm().checkInvariants(broken::add);
    return broken.isEmpty() ? null : broken.get(0);
  }

  private static void check(long seed, int calls) {
    Choices choices = Choices.fromSeed(seed);
    String broken = new RandomProgram(choices, RandomProgramsTest::firstViolation).run(calls);
    if (broken != null) {
      int[] least =
          Choices.shrink(
              choices.sequence(),
              c ->
                  new RandomProgram(Choices.replay(c), RandomProgramsTest::firstViolation)
                          .run(calls)
                      != null);
      RandomProgram program =
          new RandomProgram(Choices.replay(least), RandomProgramsTest::firstViolation);
      String still = program.run(calls);
      fail(
          "seed %d: %s%nshrunk to: %s%n%s%nreproduce: mvn -pl kvm-core -am test"
              + " -Dtest=RandomProgramsTest -Dcocovisor.seed=%d",
          seed, broken, still, String.join(System.lineSeparator(), program.log()), seed);
    }
  }

  @Test
  void keepEveryInvariantAfterEveryCall() {
    Long one = Long.getLong("cocovisor.seed");
    if (one != null) {
      check(one, 60);
      return;
    }
    for (long seed = 1; seed <= 150; seed++) {
      check(seed, 60);
    }
  }

  @Test
  @Tag("slow")
  void keepEveryInvariantAfterEveryCallForLong() {
    for (long seed = 1000; seed < 4000; seed++) {
      check(seed, 100);
    }
  }

  @Test
  void aFailureShrinksToTheCallsItNeeds() {
    Function<RandomProgram, @Nullable String> noHugePages =
        p -> p.stats().pages2m() == 0 ? null : "a huge page";
    long seed = 1;
    Choices choices = Choices.fromSeed(seed);
    while (new RandomProgram(choices, noHugePages).run(80) == null) {
      choices = Choices.fromSeed(++seed);
    }
    int[] least =
        Choices.shrink(
            choices.sequence(),
            c -> new RandomProgram(Choices.replay(c), noHugePages).run(80) != null);
    RandomProgram program = new RandomProgram(Choices.replay(least), noHugePages);
    assertThat(program.run(80)).isEqualTo("a huge page");
    assertThat(program.log()).as("three lines of set-up, a slot and a touch").hasSizeLessThan(8);
  }
}
