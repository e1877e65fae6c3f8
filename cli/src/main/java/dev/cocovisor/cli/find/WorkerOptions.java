package dev.cocovisor.cli.find;

import dev.cocovisor.cli.print.UsageException;
import picocli.CommandLine.Option;

/** The option by which a command shares its work among threads. */
public final class WorkerOptions {
  private static final int MOST = 1024;

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "How many threads share the work; default one a processor.")
  private int workers = Runtime.getRuntime().availableProcessors();

  /**
   * Returns how many.
   *
   * @throws UsageException if that is none, or too many
   */
  public int count() {
    if (workers < 1 || workers > MOST) {
      throw new UsageException("--workers: a number from 1 to " + MOST + " expected");
    }
    return workers;
  }
}
