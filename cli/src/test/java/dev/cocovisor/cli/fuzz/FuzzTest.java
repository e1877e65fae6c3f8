package dev.cocovisor.cli.fuzz;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged inputs end in an answer or an error of their own. For long runs and single inputs: {@code
 * -Dcocovisor.fuzz.target=NAME -Dcocovisor.fuzz.seed=N -Dcocovisor.fuzz.seconds=S}, or one input by
 * its number, {@code -Dcocovisor.fuzz.input=N}.
 */
class FuzzTest {
  /** An input that takes longer is taken to hang; the machine may be busy with other things. */
  private static final int HANG_SECONDS = 120;

  private static final int FAST_INPUTS = 8;

  @TempDir Path folder;

  private static Path root() {
    return Path.of(System.getProperty("cocovisor.root")).toAbsolutePath().normalize();
  }

  @TestFactory
  Stream<DynamicTest> fewDamagedInputsOfEachKindAreAnsweredOrRefused() throws IOException {
    return tests(1, 0, FAST_INPUTS);
  }

  @TestFactory
  @Tag("slow")
  Stream<DynamicTest> damagedInputsOfEachKindAreAnsweredOrRefused() throws IOException {
    long seed = Long.getLong("cocovisor.fuzz.seed", System.nanoTime());
    int seconds = Integer.getInteger("cocovisor.fuzz.seconds", 60);
    return tests(seed, seconds, Long.getLong("cocovisor.fuzz.inputs", Long.MAX_VALUE));
  }

  private Stream<DynamicTest> tests(long seed, int seconds, long inputs) throws IOException {
    String only = System.getProperty("cocovisor.fuzz.target");
    return new Targets(root(), folder)
        .all().stream()
            .filter(t -> only == null || t.name().equals(only))
            .map(t -> dynamicTest(t.name(), () -> fuzz(t, seed, seconds, inputs)));
  }

  private static void fuzz(Target target, long seed, int seconds, long inputs) throws Exception {
    var mutator = new Mutator(seed, target.corpus());
    long one = Long.getLong("cocovisor.fuzz.input", -1);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    long done = 0;
    while (done < inputs && (seconds == 0 || System.nanoTime() < end)) {
      byte[] input = mutator.next();
      if (one < 0 || one == done) {
        String wrong = read(target, input);
        if (wrong != null) {
          Path kept = Files.createTempFile("cocovisor-fuzz-" + target.name() + "-", ".bin");
          Files.write(kept, input);
          fail(
              "%s, input %d of seed %d (%s): %s%nreproduce: mvn -o -pl cli -am test -Pslow"
                  + " -Dsurefire.failIfNoSpecifiedTests=false -Dtest=FuzzTest"
                  + " -Dcocovisor.fuzz.target=%s -Dcocovisor.fuzz.seed=%d"
                  + " -Dcocovisor.fuzz.input=%d",
              target.name(), done, seed, kept, wrong, target.name(), seed, done);
        }
        if (one == done) {
          return;
        }
      }
      done++;
    }
    System.err.printf("fuzz %s: seed=%d inputs=%d findings=0%n", target.name(), seed, done);
  }

  /** Reads one input on a thread that can be left behind; returns what is wrong, or null. */
  private static @Nullable String read(Target target, byte[] input) throws InterruptedException {
    var task = new FutureTask<@Nullable String>(() -> target.reader().read(input));
    Thread.ofPlatform().daemon().name("fuzz " + target.name()).start(task);
    try {
      return task.get(HANG_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      return "no end after " + HANG_SECONDS + " s";
    } catch (ExecutionException e) {
      var trace = new StringWriter();
      Throwable cause = e.getCause();
      (cause == null ? e : cause).printStackTrace(new PrintWriter(trace));
      return trace.toString().lines().limit(12).reduce("", (a, b) -> a + "\n  " + b);
    }
  }
}
