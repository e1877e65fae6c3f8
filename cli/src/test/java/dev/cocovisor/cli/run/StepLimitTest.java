package dev.cocovisor.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A step that does not return ends the process and says where it stood. */
class StepLimitTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private final Console console = new Console(stream, stream, false, false);
  private final CompletableFuture<Integer> exit = new CompletableFuture<>();

  /** What a plugin may do. */
  private static void hookThatNeverReturns(CountDownLatch end) throws InterruptedException {
    end.await();
  }

  @Test
  void aHookThatNeverReturnsIsNamedByLineAndFrame() throws Exception {
    var end = new CountDownLatch(1);
    Thread worker =
        Thread.ofPlatform()
            .start(() -> {
              try {
                hookThatNeverReturns(end);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    try (var watch = new StepLimit.Watch(console, worker, 20_000_000L, exit::complete)) {
      watch.done("a.kvmlog:7");
      assertThat(exit.get(1, TimeUnit.MINUTES)).isEqualTo(ExitCode.BUDGET);
    } finally {
      end.countDown();
      worker.join();
    }
    assertThat(bytes.toString(StandardCharsets.UTF_8))
        .contains("no verdict: the step after a.kvmlog:7 has not returned")
        .contains("StepLimitTest.hookThatNeverReturns");
  }

  @Test
  void stepsThatEndInTimeAreNotCutShort() throws Exception {
    try (var watch =
        new StepLimit.Watch(console, Thread.currentThread(), 3_600_000_000_000L, exit::complete)) {
      watch.done("a.kvmlog:7");
    }
    assertThat(exit).isNotDone();
  }
}
