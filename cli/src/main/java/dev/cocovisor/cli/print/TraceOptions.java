package dev.cocovisor.cli.print;

import dev.cocovisor.report.trace.Perfetto;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option by which a command writes a trace. */
public final class TraceOptions {
  @Option(
      names = "--perfetto",
      paramLabel = "FILE",
      description =
          "Write trace events that the Perfetto UI opens: a lane a vCPU and a lock, calls, hooks"
              + " and firmware calls as slices, counters.")
  private @Nullable Path perfetto;

  /** Tells whether a trace is wanted. */
  public boolean wanted() {
    return perfetto != null;
  }

  /** Refuses a file that is there; to be asked before the work begins. */
  public void check(PageOptions pages) {
    pages.check("--perfetto", perfetto);
  }

  /**
   * Writes the trace, if it is wanted.
   *
   * @param runs documents of {@code cocovisor.run}
   */
  public void write(List<? extends Map<String, Object>> runs) throws IOException {
    if (perfetto != null) {
      OutputFile.write(perfetto, Perfetto.of(runs));
    }
  }
}
