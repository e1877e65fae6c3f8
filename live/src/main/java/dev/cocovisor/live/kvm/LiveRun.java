package dev.cocovisor.live.kvm;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.ProgramBuilder;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs the programs of logs on this machine's kernel, one after the other. */
public final class LiveRun {
  /**
   * What the kernel answered to a program.
   *
   * @param number the program's number in its log
   * @param calls its calls with their answers; first the host's profile
   * @param sources for each call the line of the log it came from; 0 for none
   */
  public record Answered(int number, List<LogCall> calls, List<Integer> sources) {}

  /** Takes a program's answers. */
  @FunctionalInterface
  public interface Output {
    /**
     * A program was run.
     *
     * @return whether to go on with the next
     */
    boolean program(Answered program) throws IOException;
  }

  private final Machine machine;
  private final LiveOptions options;
  private final Technologies technologies;
  private final LogCall profile;
  private final LiveTotals totals = new LiveTotals();

  /** Prepares to run on a machine. */
  public LiveRun(Machine machine, LiveOptions options, Technologies technologies) {
    this.machine = machine;
    this.options = options;
    this.technologies = technologies;
    this.profile = HostProfile.line(machine);
  }

  /** Returns the counts so far. */
  public LiveTotals totals() {
    return totals;
  }

  /**
   * Runs a log.
   *
   * @param only the number of the one program to run; negative for all
   * @throws LogSyntaxException if a line breaks the grammar
   */
  public void run(LogSource log, int only, Output out) throws IOException {
    var program = new ProgramBuilder(log.name(), StepWords.of(technologies));
    var habits = new LogHabits();
    int number = 0;
    boolean goOn = true;
    try (var reader = new LogReader(log)) {
      for (LogLine l = reader.next(); l != null && goOn; l = reader.next()) {
        switch (l) {
          case LogLine.Remark _ -> {}
          case LogLine.ProgramStart p -> {
            goOn = finish(program, number, habits, out);
            number = p.number();
          }
          case LogCall c -> {
            if (only < 0 || only == number) {
              add(program, c);
            }
          }
        }
      }
    }
    if (goOn) {
      var _ = finish(program, number, habits, out);
    }
  }

  /** A call that the notation does not have is passed over like one that the kernel has not. */
  private void add(ProgramBuilder program, LogCall call) {
    try {
      program.add(call);
    } catch (LogSyntaxException e) {
      totals.passedOver(call.name() + ": not a call that logs have");
    }
  }

  private boolean finish(ProgramBuilder builder, int number, LogHabits habits, Output out)
      throws IOException {
    if (builder.isEmpty()) {
      return true;
    }
    List<ScenarioLine> lines = builder.take();
    String why = cannot(lines);
    if (why != null) {
      totals.programPassedOver(why);
      return true;
    }
    totals.program();
    var calls = new ArrayList<LogCall>(List.of(profile));
    var sources = new ArrayList<Integer>(List.of(0));
    var sink =
        new LiveProgram.Sink() {
          @Override
          public void answered(LogCall call, int source) {
            totals.call();
            calls.add(call);
            sources.add(source);
          }

          @Override
          public void passedOver(LogCall call, String reason) {
            totals.passedOver(reason);
          }

          @Override
          public void hung(LogCall call, String how) {
            totals.hung("program " + number + ", line " + call.line() + ": " + how);
          }
        };
    new LiveProgram(machine, options, lines, habits, Words.of(technologies.backends()), sink).run();
    return out.program(new Answered(number, List.copyOf(calls), List.copyOf(sources)));
  }

  /** Returns why this kernel cannot run a program at all; null if it can. */
  private @Nullable String cannot(List<ScenarioLine> lines) {
    for (ScenarioLine line : lines) {
      LogResult expected = line.call().result();
      if (line.step() instanceof Step.Call(KvmCall.CreateVm c)
          && options.asType() < 0
          && !machine.offers(c.type())
          && (expected == null || !expected.isError())) {
        return "VMs of type " + LogWriter.value(line.call().args().get(2)) + ": not offered here";
      }
    }
    return null;
  }
}
