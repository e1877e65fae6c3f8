package dev.cocovisor.script.replay;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.ProgramBuilder;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Replays logs of calls to KVM ({@code .kvmlog}) on hosts of the technologies there are. */
public final class KvmLogReplayer implements LogReplayer {
  /** The note that counts the answers of observed programs that were compared. */
  public static final String COMPARED = "compared";

  /**
   * The note that counts the calls of observed programs that were not compared; notes that begin
   * with it and a colon say of what kind they were.
   */
  public static final String SKIPPED = "skipped";

  /** The note of a summary that counts vCPUs which stood still until the budget ended it. */
  public static final String STANDSTILLS = "standstills";

  private final Technologies technologies;
  private final Map<String, String> settings;
  private final @Nullable Consumer<String> unknown;
  private final @Nullable Watcher watcher;

  /** Looks at programs as they are replayed. */
  @FunctionalInterface
  public interface Watcher {
    /**
     * A program made a step.
     *
     * @param program its number
     * @param state tells what the tables of its host say now
     */
    void step(int program, ScenarioStep step, Supplier<List<Strip>> state);
  }

  /** A replayer on hosts as logs describe them; a call that nobody knows is refused. */
  public KvmLogReplayer(Technologies technologies) {
    this(technologies, Map.of(), null, null);
  }

  private KvmLogReplayer(
      Technologies technologies,
      Map<String, String> settings,
      @Nullable Consumer<String> unknown,
      @Nullable Watcher watcher) {
    this.watcher = watcher;
    this.technologies = technologies;
    this.settings = settings;
    this.unknown = unknown;
  }

  /** Returns this with settings of every host that win over those of the log. */
  public KvmLogReplayer withSettings(Map<String, String> chosen) {
    return new KvmLogReplayer(technologies, Map.copyOf(chosen), unknown, watcher);
  }

  /** Returns this, passing over calls that nobody knows; each is told and counted. */
  public KvmLogReplayer passingOver(Consumer<String> told) {
    return new KvmLogReplayer(technologies, settings, told, watcher);
  }

  /** Returns this, watched. */
  public KvmLogReplayer watchedBy(Watcher by) {
    return new KvmLogReplayer(technologies, settings, unknown, by);
  }

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
    var run = new Run(log, options, sink);
    try (var reader = new LogReader(log)) {
      for (LogLine l = reader.next(); l != null; l = reader.next()) {
        switch (l) {
          case LogLine.Remark _ -> {}
          case LogLine.ProgramStart p -> {
            run.finish();
            run.number = p.number();
          }
          case LogCall c -> run.add(c);
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
        .withMismatches(run.mismatches)
        .withNotes(run.notes());
  }

  /** The totals while a log is read; lines before the first program make one numbered 0. */
  private final class Run {
    private final LogSource log;
    private final String file;
    private final ReplayOptions options;
    private final MismatchSink sink;
    private final ProgramBuilder program;
    private final LogHabits habits = new LogHabits();
    private int number;
    private int programs;
    private long calls;
    private long mismatches;
    private long passedOver;
    private long raced;
    private long standstills;

    /** Answers of observed programs that were compared; -1 while there was no such program. */
    private long compared = -1;

    private final Map<String, Long> skipped = new TreeMap<>();
    private boolean stopped;

    Run(LogSource log, ReplayOptions options, MismatchSink sink) {
      this.log = log;
      this.file = log.name();
      this.options = options;
      this.sink = sink;
      this.program = new ProgramBuilder(file, StepWords.of(technologies), this::unread);
    }

    private boolean wanted() {
      return options.program() < 0 || options.program() == number;
    }

    void add(LogCall call) {
      if (!wanted()) {
        return;
      }
      program.add(call);
      program.bound();
    }

    /** Decides about a line that nobody understands, and counts it. */
    private ProgramBuilder.Unread unread(LogCall call, LogSyntaxException e, boolean observed) {
      ProgramBuilder.Unread decided = decided(call, e, observed);
      if (decided == ProgramBuilder.Unread.LEAVE_OUT && unknown != null) {
        passedOver++;
        unknown.accept(String.valueOf(e.getMessage()));
      }
      return decided;
    }

    private ProgramBuilder.Unread decided(LogCall call, LogSyntaxException e, boolean observed) {
      if (unknown == null) {
        return ProgramBuilder.Unread.REFUSE;
      }
      if (observed) {
        return ProgramBuilder.Unread.KEEP;
      }
      boolean known = CallDecoder.knows(call) || StepEncoder.NAMES.contains(call.name());
      return known ? ProgramBuilder.Unread.REFUSE : ProgramBuilder.Unread.LEAVE_OUT;
    }

    void finish() {
      if (program.isEmpty() || stopped) {
        return;
      }
      Observed observed = program.isObserved() ? new Observed(file, unknown == null) : null;
      var lines = program.take(log, this::decided);
      programs++;
      calls += lines.size();
      var replay =
          new ProgramReplay(
              file,
              number,
              lines,
              technologies,
              settings,
              habits,
              observed,
              m -> {
                mismatches++;
                sink.mismatch(m);
                return options.maxMismatches() == 0 || mismatches < options.maxMismatches();
              });
      boolean goOn = replay.run(watcher);
      standstills += replay.standstills();
      raced += replay.raced();
      stopped = !goOn || options.program() >= 0;
      if (observed != null) {
        compared = Math.max(compared, 0) + observed.compared();
        observed.skipped().forEach((why, n) -> skipped.merge(why, n, Long::sum));
      }
    }

    /** What stands beside the totals. */
    Map<String, Long> notes() {
      var notes = new LinkedHashMap<String, Long>();
      if (compared >= 0) {
        notes.put(COMPARED, compared);
        notes.put(SKIPPED, skipped.values().stream().mapToLong(n -> n).sum());
        skipped.forEach((why, n) -> notes.put(SKIPPED + ": " + why, n));
      }
      if (passedOver != 0) {
        notes.put("unknown", passedOver);
      }
      if (raced > 0) {
        notes.put("raced", raced);
      }
      if (standstills > 0) {
        notes.put(STANDSTILLS, standstills);
      }
      return notes;
    }
  }
}
