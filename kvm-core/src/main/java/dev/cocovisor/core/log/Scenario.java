package dev.cocovisor.core.log;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.PageStats;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
      var recorder = new Recorder();
      var session = new CallSession(name, program, available, drivers, backend, recorder);
      var counters = new Counters(session);
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
                  Answers.unmet(call, reply),
                  Answers.got(call, reply),
                  recorder.take(),
                  counters.changed(call, reply)));
        }
      }
    }
  }

  /** Keeps the events of one step. */
  private static final class Recorder implements TraceSink {
    private List<TraceEvent> events = new ArrayList<>();

    @Override
    public boolean enabled() {
      return true;
    }

    @Override
    public void emit(TraceEvent event) {
      events.add(event);
    }

    List<TraceEvent> take() {
      List<TraceEvent> taken = events;
      events = new ArrayList<>();
      return taken;
    }
  }

  /** Watches the page counters of all VMs of a program. */
  private static final class Counters {
    private final CallSession session;
    private final Map<String, Integer> vms = new HashMap<>();
    private final Map<String, PageStats> last = new HashMap<>();

    Counters(CallSession session) {
      this.session = session;
    }

    List<String> changed(LogCall call, Reply reply) {
      if (call.name().equals("host_config")
          || call.name().equals("backends")
          || call.name().equals("on")) {
        return List.of();
      }
      if (call.name().equals("ioctl")
          && reply.opened()
          && call.args().get(1).equals(new Value.Sym("KVM_CREATE_VM"))) {
        Long number = Symbols.number(reply.result().value());
        if (number != null) {
          vms.put(number.toString(), session.fds().of(number));
        }
      }
      List<Integer> launched = session.launched();
      for (int i = 0; i < launched.size(); i++) {
        vms.put(Integer.toString(i + 1), launched.get(i));
      }
      var out = new ArrayList<String>();
      vms.keySet().stream().sorted().forEach(vm -> look(vm, out));
      return out;
    }

    private void look(String vm, List<String> out) {
      int fd = vms.getOrDefault(vm, -1);
      PageStats now = fd < 0 ? null : session.runner().process().stats(fd);
      if (now != null && !now.equals(last.put(vm, now))) {
        out.add("kvm_stats(" + vm + ") = " + LogWriter.value(CallRunner.statsValue(now)));
      }
    }
  }
}
