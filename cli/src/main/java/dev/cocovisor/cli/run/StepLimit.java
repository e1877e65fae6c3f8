package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
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

  /** Watches one thread, from another. */
  static final class Watch implements AutoCloseable {
    private final Console console;
    private final Thread worker;
    private final long limit;
    private final IntConsumer exit;
    private volatile long began = System.nanoTime();
    private volatile String after = "the start";
    private volatile boolean over;

    Watch(Console console, Thread worker, long limitNanos, IntConsumer exit) {
      this.console = console;
      this.worker = worker;
      this.limit = limitNanos;
      this.exit = exit;
      if (limitNanos > 0) {
        Thread.ofPlatform().daemon().name("step limit").start(this::look);
      }
    }

    /** A step has ended. */
    void done(String step) {
      after = step;
      began = System.nanoTime();
    }

    private void look() {
      while (!over) {
        try {
          Thread.sleep(Math.max(1, TimeUnit.NANOSECONDS.toMillis(limit) / 16));
        } catch (InterruptedException e) {
          return;
        }
        if (!over && System.nanoTime() - began > limit) {
          tell();
          console.out().flush();
          exit.accept(ExitCode.BUDGET);
          return;
        }
      }
    }

    private void tell() {
      console
          .err()
          .println(
              "cocovisor: no verdict: the step after "
                  + after
                  + " has not returned for "
                  + TimeUnit.NANOSECONDS.toSeconds(limit)
                  + " s (--step-limit); it stands at");
      StackTraceElement[] stack = worker.getStackTrace();
      for (int i = 0; i < Math.min(FRAMES, stack.length); i++) {
        console.err().println("  " + stack[i]);
      }
    }

    @Override
    public void close() {
      over = true;
    }
  }
}
