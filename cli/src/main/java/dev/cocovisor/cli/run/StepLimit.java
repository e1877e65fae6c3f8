package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.vmm.LongWork;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/**
 * The option that bounds how long one step may take. A hook that never returns cannot be stopped
 * from outside, so the process ends, with the exit code of a budget that ran out, and says where it
 * stood.
 */
final class StepLimit {
  private static final int FRAMES = 12;

  private final IntConsumer exit;

  @Option(
      names = "--step-limit",
      paramLabel = "SECONDS",
      defaultValue = "600",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "End with exit code 4 if a step takes longer (0: never).")
  private int seconds;

  StepLimit() {
    this(Runtime.getRuntime()::halt);
  }

  /** For tests, which do not end with the process. */
  StepLimit(IntConsumer exit) {
    this.exit = exit;
  }

  /** Begins to watch the calling thread; close it when the steps are over. */
  Watch watch(Console console) {
    if (seconds < 0) {
      throw new UsageException("--step-limit: a number of seconds from 0 expected");
    }
    return new Watch(console, Thread.currentThread(), TimeUnit.SECONDS.toNanos(seconds), exit);
  }

  /**
   * Watches one thread, from another: how long its step takes, how far a step over a large range
   * has come, whether memory is nearly gone, and whether somebody stops the process.
   */
  static final class Watch implements AutoCloseable {
    private static final long TICK_MILLIS = 200;

    /** A step that takes no longer is not told of. */
    private static final long QUIET_NANOS = 2_000_000_000L;

    private final Console console;
    private final Thread worker;
    private final long limit;
    private final IntConsumer exit;
    private final Thread stopped = new Thread(this::stopped, "stopped");
    private final long tick;
    private volatile long began = System.nanoTime();
    private volatile String after = "the start";
    private volatile boolean over;
    private volatile @Nullable Supplier<@Nullable LongWork> work;
    private @Nullable Progress progress;

    Watch(Console console, Thread worker, long limitNanos, IntConsumer exit) {
      this.console = console;
      this.worker = worker;
      this.limit = limitNanos;
      this.exit = exit;
      long share = limitNanos == 0 ? TICK_MILLIS : TimeUnit.NANOSECONDS.toMillis(limitNanos) / 16;
      this.tick = Math.clamp(share, 1, TICK_MILLIS);
      Runtime.getRuntime().addShutdownHook(stopped);
      Thread.ofPlatform().daemon().name("step limit").start(this::look);
    }

    /** A step has ended. */
    void done(String step) {
      after = step;
      began = System.nanoTime();
    }

    /** Tells how far the step has come that is under way. */
    void follow(Supplier<@Nullable LongWork> under) {
      work = under;
    }

    private void look() {
      while (!over) {
        try {
          Thread.sleep(tick);
        } catch (InterruptedException e) {
          return;
        }
        long taken = System.nanoTime() - began;
        if (!over && HeapGuard.nearlyGone()) {
          end("memory is nearly used up (" + HeapGuard.text() + ")");
          return;
        }
        if (!over && limit > 0 && taken > limit) {
          end(
              "the step after "
                  + after
                  + " has not returned for "
                  + TimeUnit.NANOSECONDS.toSeconds(limit)
                  + " s (--step-limit)");
          return;
        }
        if (!over && taken > QUIET_NANOS) {
          show();
        }
      }
    }

    private void show() {
      LongWork now = under();
      if (now == null || now.total() == 0) {
        progress = null;
        return;
      }
      Progress shown = progress;
      if (shown == null) {
        shown = new Progress(console, "the step after " + after);
        progress = shown;
      }
      shown.done(now.done() >>> 20, now.total() >>> 20, "MiB");
    }

    private @Nullable LongWork under() {
      Supplier<@Nullable LongWork> s = work;
      return s == null ? null : s.get();
    }

    /** Ends the process without a verdict. */
    private void end(String why) {
      console.err().println("cocovisor: no verdict: " + why + "; " + far() + "it stands at");
      StackTraceElement[] stack = worker.getStackTrace();
      for (int i = 0; i < Math.min(FRAMES, stack.length); i++) {
        console.err().println("  " + stack[i]);
      }
      console.out().flush();
      exit.accept(ExitCode.BUDGET);
    }

    private String far() {
      LongWork now = under();
      return now == null || now.total() == 0
          ? ""
          : (now.done() >>> 20) + " of " + (now.total() >>> 20) + " MiB are done; ";
    }

    /** Somebody stopped the process in the middle of a step. */
    private void stopped() {
      if (!over) {
        console.out().flush();
        console.err().println("cocovisor: stopped in the step after " + after + "; " + far());
      }
    }

    @Override
    public void close() {
      over = true;
      try {
        var _ = Runtime.getRuntime().removeShutdownHook(stopped);
      } catch (IllegalStateException e) {
        // The process is ending, and the hook runs.
      }
    }
  }
}
