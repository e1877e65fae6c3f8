package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.table.Steps;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One pass over one log. */
final class RmiReplay {
  private static final String PROGRAM = "# program ";
  private static final String END = "# end";
  private static final int NO_PROGRAM = -1;

  private final String log;
  private final ReplayOptions options;
  private final MismatchSink sink;
  private final Safeguards safeguards;
  private final Steps steps;
  private final Line line;
  private final Map<String, Long> notes = new LinkedHashMap<>();

  private int programs;
  private long calls;
  private long mismatches;
  private int number = NO_PROGRAM;
  private RmmVersion version = RmmVersion.V1;
  private @Nullable RmiProgram program;

  /** Lines that should come next because of what the last call changed. */
  private List<String> due = List.of();

  private String dueCall = "";
  private int dueLine;

  RmiReplay(String log, ReplayOptions options, MismatchSink sink) {
    this(log, options, sink, Safeguards.ALL, Steps.RELEASED);
  }

  /** Replays against an RMM of 2.0 that keeps these rules, or one of 1.0 that takes these steps. */
  RmiReplay(
      String log, ReplayOptions options, MismatchSink sink, Safeguards safeguards, Steps steps) {
    this.steps = steps;
    this.safeguards = safeguards;
    this.log = log;
    this.options = options;
    this.sink = sink;
    this.line = new Line(log);
    notes.put("smc", 0L);
    notes.put("rsi", 0L);
  }

  ReplaySummary run(BufferedReader reader) throws IOException {
    int at = 0;
    boolean ended = false;
    LookAhead lines = new LookAhead(reader);
    version = lines.version();
    String text = lines.next();
    while (text != null && !full()) {
      at++;
      if (text.startsWith(PROGRAM)) {
        begin(text, at);
      } else if (text.startsWith(END)) {
        ended = true;
      } else if (!text.isEmpty() && text.charAt(0) != '#') {
        step(text, at);
      }
      text = lines.next();
    }
    if (!full() && !ended) {
      throw new LogSyntaxException(log, at + 1, 1, "end of file", "'# end'");
    }
    missing();
    return ReplaySummary.NONE
        .withPrograms(programs)
        .withCalls(calls)
        .withMismatches(mismatches)
        .withNotes(notes);
  }

  private boolean full() {
    return options.maxMismatches() > 0 && mismatches >= options.maxMismatches();
  }

  private void begin(String text, int at) {
    missing();
    try {
      number = Integer.parseInt(text.substring(PROGRAM.length()).strip());
    } catch (NumberFormatException e) {
      throw new LogSyntaxException(log, at, PROGRAM.length() + 1, text, "a decimal number");
    }
    boolean wanted = options.program() < 0 || options.program() == number;
    program = wanted ? new RmiProgram(version, safeguards, steps) : null;
    programs += wanted ? 1 : 0;
  }

  private void step(String text, int at) {
    if (number == NO_PROGRAM) {
      throw new LogSyntaxException(log, at, 1, text, "'# program N' first");
    }
    RmiProgram current = program;
    if (current == null) {
      return;
    }
    calls++;
    if (isChange(text)) {
      change(text, at);
      return;
    }
    missing();
    line.parse(text, at);
    notes.computeIfPresent(line.name(), (_, n) -> n + 1);
    String got = current.perform(line);
    if (!got.equals(line.result())) {
      report(at, line.call(), line.result(), got);
    }
    due = current.changes();
    dueCall = line.call();
    dueLine = at;
  }

  private static boolean isChange(String text) {
    return text.startsWith("changed(")
        || text.startsWith("state(")
        || text.startsWith("rim(")
        || text.startsWith("wrote(");
  }

  private void change(String text, int at) {
    String expected = due.isEmpty() ? null : due.getFirst();
    if (expected != null) {
      due = due.subList(1, due.size());
    }
    if (!text.equals(expected)) {
      report(at, dueCall, text, expected == null ? "no change" : expected);
    }
  }

  /** Reports changes of the model that the log does not tell of. */
  private void missing() {
    for (String extra : due) {
      report(dueLine, dueCall, "no change", extra);
    }
    due = List.of();
  }

  private void report(int at, String call, String expected, String got) {
    mismatches++;
    sink.mismatch(
        Mismatch.in(log, at).withProgram(number).withCall(call).withAnswers(expected, got));
  }
}
