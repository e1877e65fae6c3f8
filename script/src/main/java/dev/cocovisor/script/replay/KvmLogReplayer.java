package dev.cocovisor.script.replay;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.vmm.VmmDrivers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** Replays logs of calls to KVM ({@code .kvmlog}). */
public final class KvmLogReplayer implements LogReplayer {
  @Override
  public String suffix() {
    return "kvmlog";
  }

  @Override
  public String description() {
    return "calls of a VMM to KVM, accesses by host and guest";
  }

  @Override
  public ReplaySummary replay(LogSource log, ReplayOptions options, MismatchSink sink)
      throws IOException {
    List<Backend> available = new ArrayList<>();
    ServiceLoader.load(Backend.class).forEach(available::add);
    return replay(log, options, sink, available);
  }

  /** As {@link #replay(LogSource, ReplayOptions, MismatchSink)}, with given technologies. */
  public ReplaySummary replay(
      LogSource log, ReplayOptions options, MismatchSink sink, List<Backend> available)
      throws IOException {
    var run = new Run(log.name(), options, sink, available);
    try (var reader = new LogReader(log)) {
      for (LogLine l = reader.next(); l != null; l = reader.next()) {
        switch (l) {
          case LogLine.Remark _ -> {}
          case LogLine.ProgramStart p -> {
            run.finish();
            run.number = p.number();
          }
          case LogCall c -> run.program.add(c);
        }
        if (run.stopped) {
          break;
        }
      }
    }
    run.finish();
    return ReplaySummary.NONE
        .withPrograms(run.programs)
        .withCalls(run.calls)
        .withMismatches(run.mismatches);
  }

  /** The totals while a log is read; lines before the first program make one numbered 0. */
  private static final class Run {
    private final String file;
    private final ReplayOptions options;
    private final MismatchSink sink;
    private final List<Backend> available;
    private final VmmDrivers drivers = VmmDrivers.onClassPath();
    private final List<LogCall> program = new ArrayList<>();
    private int number;
    private int programs;
    private long calls;
    private long mismatches;
    private boolean stopped;

    Run(String file, ReplayOptions options, MismatchSink sink, List<Backend> available) {
      this.file = file;
      this.options = options;
      this.sink = sink;
      this.available = available;
    }

    void finish() {
      boolean wanted = options.program() < 0 || options.program() == number;
      if (!program.isEmpty() && wanted && !stopped) {
        programs++;
        calls += program.size();
        boolean goOn =
            new ProgramReplay(
                    file,
                    number,
                    List.copyOf(program),
                    available,
                    drivers,
                    m -> {
                      mismatches++;
                      sink.mismatch(m);
                      return options.maxMismatches() == 0 || mismatches < options.maxMismatches();
                    })
                .run();
        stopped = !goOn || (options.program() >= 0);
      }
      program.clear();
    }
  }
}
