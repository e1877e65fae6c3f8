package dev.cocovisor.script.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Random programs keep every invariant after every call and leak nothing. What breaks one is shrunk
 * to the calls it needs, which are printed as a log.
 */
class RandomProgramsTest {
  private static final int LENGTH = 60;

  /** Ends a program at the call that broke something. */
  private static final class Broken extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Broken(String what) {
      super(what);
    }
  }

  /** One program: its calls as a log, and what it broke first, if anything. */
  private static final class Run {
    final List<String> log = new ArrayList<>();
    @Nullable String broken;

    private Run(
        Choices choices,
        HostConfig host,
        int length,
        Function<KvmProcess, @Nullable String> check) {
      var process = new KvmProcess[1];
      try {
        ProgramGenerator.generate(
            choices,
            host,
            List.of(),
            length,
            c -> log.add(LogWriter.line(c)),
            p -> {
              process[0] = p;
              String what = check.apply(p);
              if (what != null) {
                throw new Broken(what);
              }
            });
        broken = leak(process[0]);
      } catch (Broken e) {
        broken = e.getMessage();
      }
    }

    private static @Nullable String leak(KvmProcess p) {
      p.exit();
      long left = p.kvm().memory().allocatedFrames();
      return left == 1 ? null : left - 1 + " frames leaked at teardown";
    }
  }

  private static @Nullable String firstViolation(KvmProcess p) {
    List<String> broken = p.kvm().violations();
    return broken.isEmpty() ? null : broken.getFirst();
  }

  private static HostConfig host(long seed) {
    return switch ((int) (seed % 4)) {
      case 0 -> HostConfig.DEFAULT;
      case 1 -> HostConfig.DEFAULT.withSetting("core.gmem-order", "9");
      case 2 -> HostConfig.DEFAULT.withTdpMmu(false);
      default -> HostConfig.DEFAULT.withSetting("core.nodes", "2");
    };
  }

  private static Run shrunk(
      Choices choices, HostConfig host, int length, Function<KvmProcess, @Nullable String> check) {
    int[] least =
        Shrinker.shrink(
            choices.sequence(), c -> new Run(Choices.again(c), host, length, check).broken != null);
    return new Run(Choices.again(least), host, length, check);
  }

  private static void check(long seed, int length) {
    Choices choices = new Choices(seed);
    Run run = new Run(choices, host(seed), length, RandomProgramsTest::firstViolation);
    if (run.broken != null) {
      Run least = shrunk(choices, host(seed), length, RandomProgramsTest::firstViolation);
      fail(
          "seed %d: %s%nshrunk to: %s%n%s%nreproduce: mvn -pl script -am test"
              + " -Dsurefire.failIfNoSpecifiedTests=false -Dtest=RandomProgramsTest"
              + " -Dcocovisor.seed=%d",
          seed, run.broken, least.broken, String.join(System.lineSeparator(), least.log), seed);
    }
  }

  @Test
  void keepEveryInvariantAfterEveryCall() {
    Long one = Long.getLong("cocovisor.seed");
    if (one != null) {
      check(one, LENGTH);
      return;
    }
    for (long seed = 1; seed <= 160; seed++) {
      check(seed, LENGTH);
    }
  }

  @Test
  @Tag("slow")
  void keepEveryInvariantAfterEveryCallForLong() {
    for (long seed = 1000; seed < 4000; seed++) {
      check(seed, LENGTH);
    }
  }

  @Test
  void aFailureShrinksToALogOfTheCallsItNeeds() throws IOException {
    Function<KvmProcess, @Nullable String> noHugePages =
        p -> p.kvm().vms().stream().anyMatch(v -> v.stage().counters().get(2) != 0) ? "huge" : null;
    long seed = 4;
    Choices choices = new Choices(seed);
    while (new Run(choices, host(4), 80, noHugePages).broken == null) {
      choices = new Choices(++seed);
    }
    Run least = shrunk(choices, host(4), 80, noHugePages);
    assertThat(least.broken).isEqualTo("huge");
    assertThat(least.log)
        .as("eight lines of set-up, a mapping, a slot, a touch, and what sets the counters")
        .hasSizeLessThan(16);
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.text("least", String.join("\n", least.log)),
                ReplayOptions.ALL,
                found::add);
    assertThat(found).as("the shrunk log replays").hasSizeLessThan(2);
  }
}
