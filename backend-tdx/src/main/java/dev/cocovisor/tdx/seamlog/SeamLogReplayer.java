package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import java.io.BufferedReader;
import java.io.IOException;

/**
 * Replays {@code .seamlog} files on the TDX module.
 *
 * <p>Each program runs on a fresh module over a fresh 2 GiB TDMR, as it was recorded. Nothing is
 * taken from the log, the answers of the zero-step guard included.
 */
public final class SeamLogReplayer implements LogReplayer {
  private static final String HEADER = "# program ";

  /** Creates a replayer; it has no state. */
  public SeamLogReplayer() {}

  @Override
  public String suffix() {
    return "seamlog";
  }

  @Override
  public String description() {
    return "SEAMCALLs and TDCALLs answered by the Intel TDX module";
  }

  @Override
  public ReplaySummary replay(LogSource log, ReplayOptions options, MismatchSink sink)
      throws IOException {
    SeamLine scan = new SeamLine(log.name());
    Differences comparison = new Differences(log.name(), sink, options.maxMismatches());
    ProgramRun run = null;
    boolean skip = false;
    int programs = 0;
    long calls = 0;
    try (BufferedReader reader = log.opener().open()) {
      int number = 0;
      for (String text = reader.readLine();
          text != null && !comparison.full();
          text = reader.readLine()) {
        number++;
        scan.begin(text, number);
        if (text.startsWith(HEADER)) {
          if (run != null) {
            run.finish();
            calls += run.lines();
          }
          scan.expect(HEADER);
          int program = scan.decimal("a program number");
          scan.end();
          skip = options.program() >= 0 && options.program() != program;
          run = skip ? null : new ProgramRun(program, scan, comparison);
          programs += skip ? 0 : 1;
        } else if (!text.isEmpty() && text.charAt(0) != '#') {
          if (run != null) {
            run.line();
          } else if (!skip) {
            throw scan.error("'" + HEADER + "N' before the first call");
          }
        }
      }
      if (run != null) {
        run.finish();
        calls += run.lines();
      }
    }
    return ReplaySummary.NONE
        .withPrograms(programs)
        .withCalls(calls)
        .withMismatches(comparison.count());
  }
}
