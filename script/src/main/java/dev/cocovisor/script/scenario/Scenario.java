package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.VmmDrivers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A call log that is run rather than replayed: results may be left out, and steps that every
 * technology has are carried out by the VMM of the one it is run on.
 */
public final class Scenario {
  private final String name;
  private final String about;
  private final List<List<LogCall>> programs;

  private Scenario(String name, String about, List<List<LogCall>> programs) {
    this.name = name;
    this.about = about;
    this.programs = programs;
  }

  /**
   * Reads a scenario.
   *
   * @throws IOException if it cannot be read
   * @throws dev.cocovisor.api.log.LogSyntaxException if it breaks the grammar
   */
  public static Scenario read(LogSource log) throws IOException {
    var about = new StringBuilder();
    var programs = new ArrayList<List<LogCall>>();
    List<LogCall> now = new ArrayList<>();
    boolean opening = true;
    for (LogLine line : LogReader.readAll(log)) {
      switch (line) {
        case LogLine.Remark r -> {
          if (opening && r.text().startsWith("#")) {
            about.append(about.isEmpty() ? "" : " ").append(r.text().substring(1).strip());
          } else {
            opening = opening && about.isEmpty();
          }
        }
        case LogLine.ProgramStart _ -> {
          opening = false;
          if (!now.isEmpty()) {
            programs.add(now);
          }
          now = new ArrayList<>();
        }
        case LogCall c -> {
          opening = false;
          now.add(c);
        }
      }
    }
    if (!now.isEmpty()) {
      programs.add(now);
    }
    return new Scenario(log.name(), about.toString(), List.copyOf(programs));
  }

  /** Returns the log's name. */
  public String name() {
    return name;
  }

  /** Returns the comment that opens the scenario, in one line. */
  public String about() {
    return about;
  }

  /** Returns the technologies the scenario names by {@code backends}; empty if it names none. */
  public List<String> backends() {
    for (List<LogCall> program : programs) {
      for (LogCall c : program) {
        if (c.name().equals("backends")) {
          return new CallArgs(name, c).names(0);
        }
      }
    }
    return List.of();
  }

  /** Tells whether any line is a step that every technology has. */
  public boolean isNeutral() {
    return programs.stream().flatMap(List::stream).anyMatch(c -> VmmSteps.NAMES.contains(c.name()));
  }

  /** Returns a call with the result that an {@code expect} line behind it states, if one does. */
  private LogCall expected(List<LogCall> program, int index, String backend) {
    LogCall call = program.get(index);
    if (index + 1 < program.size() && program.get(index + 1).name().equals("expect")) {
      LogCall expect = program.get(index + 1);
      String text = new CallArgs(name, expect).fields(0).text(backend, "");
      if (!text.isEmpty()
          && LogReader.parse(name, expect.line(), LogWriter.callOnly(call) + " = " + text)
              instanceof LogCall stated) {
        return call.withResult(stated.result());
      }
    }
    return call;
  }

  /**
   * Returns the scenario up to a line, followed by other lines: what one would learn if one stopped
   * there and looked. The model is deterministic, so what came before is what came before.
   *
   * @param before the first line left out; 0 for none
   * @param lines calls in the notation of the log
   */
  public Scenario stoppedAt(int before, List<String> lines) {
    var all = new ArrayList<List<LogCall>>();
    for (List<LogCall> program : programs) {
      var part = new ArrayList<LogCall>();
      for (LogCall c : program) {
        if (before == 0 || c.line() < before) {
          part.add(c.withResult(null));
        }
      }
      all.add(part);
    }
    int line = all.getLast().isEmpty() ? 1 : all.getLast().getLast().line();
    for (String text : lines) {
      line++;
      if (LogReader.parse(name, line, text) instanceof LogCall c) {
        all.getLast().add(c);
      }
    }
    return new Scenario(name, about, List.copyOf(all));
  }

  /**
   * Runs the scenario.
   *
   * @param backend the technology, or null for what the scenario asks for
   * @param available the technologies there are
   * @param each told of each line that counted, in order
   * @throws dev.cocovisor.api.log.LogSyntaxException if a line cannot be carried out
   */
  public void run(
      @Nullable String backend,
      List<Backend> available,
      VmmDrivers drivers,
      Consumer<ScenarioStep> each) {
    for (List<LogCall> program : programs) {
      var recorder = new StepRecorder();
      var session = new CallSession(name, program, available, drivers, backend, recorder);
      var watch = new VmWatch(session);
      for (int i = 0; i < program.size(); i++) {
        LogCall call = program.get(i);
        Reply reply;
        try {
          reply = session.step(i);
        } catch (dev.cocovisor.api.log.LogSyntaxException e) {
          throw e;
        } catch (RuntimeException | AssertionError e) {
          throw new IllegalStateException(name + ":" + call.line() + ": " + call + ": " + e, e);
        }
        if (reply != null) {
          each.accept(
              new ScenarioStep(
                  call,
                  reply.answer(call),
                  Answers.unmet(expected(program, i, session.backend()), reply),
                  Answers.got(call, reply),
                  recorder.take(),
                  watch.counters(call, reply),
                  watch.ownership(),
                  watch.tables()));
        }
      }
    }
  }
}
