package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogCall;
import java.util.ArrayList;
import java.util.List;

/** Makes a program of calls as they are read: what each means, and what is expected of it. */
public final class ProgramBuilder {
  private final String file;
  private final StepDecoder decoder;
  private List<ScenarioLine> lines = new ArrayList<>();
  private boolean observed;

  /**
   * Begins a program.
   *
   * @param file the log's name, for errors
   * @param words what lines may say
   */
  public ProgramBuilder(String file, StepWords words) {
    this.file = file;
    this.decoder = new StepDecoder(file, words);
  }

  /**
   * Adds a line; one that says what the line before answers becomes part of that.
   *
   * @throws LogSyntaxException if nobody understands the line
   */
  public void add(LogCall call) {
    Step step = decoder.decode(call);
    observed |=
        step instanceof Step.Call(KvmCall.HostSetup setup)
            && setup.fields().asMap().containsKey("recorder");
    if (!(step instanceof Step.Expect expect)) {
      lines.add(new ScenarioLine(call, step));
      return;
    }
    if (lines.isEmpty()) {
      throw new LogSyntaxException(
          file, call.line(), call.columnOf(-1), "expect", "a line before it that answers");
    }
    ScenarioLine before = lines.removeLast();
    lines.add(new ScenarioLine(before.call(), before.step(), expect.results()));
  }

  /**
   * Adds a line that nobody understands.
   *
   * @param why what is wrong with it
   */
  public void addUnread(LogCall call, String why) {
    lines.add(new ScenarioLine(call, new Step.Unread(why)));
  }

  /**
   * Tells whether the program's lines so far say that a real program was watched from outside, by
   * {@code host_config({recorder=…})}.
   */
  public boolean isObserved() {
    return observed;
  }

  /** Tells whether no line was added since the last {@link #take}. */
  public boolean isEmpty() {
    return lines.isEmpty();
  }

  /** Returns the program and begins another. */
  public List<ScenarioLine> take() {
    List<ScenarioLine> taken = List.copyOf(lines);
    lines = new ArrayList<>();
    observed = false;
    return taken;
  }
}
