package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogCall;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes a program of calls as they are read: what each means, and what is expected of it. Of a
 * program of more than {@value #KEPT} lines none are kept: it is read again as it is carried out.
 */
public final class ProgramBuilder {
  /** Lines of a program that are kept in memory. */
  static final int KEPT = 100_000;

  private static final Policy REFUSING = (_, _, _) -> Unread.REFUSE;

  private final String file;
  private final StepWords words;
  private final StepDecoder decoder;
  private final Policy policy;
  private List<ScenarioLine> lines = new ArrayList<>();
  private boolean observed;
  private int first;
  private int forgotten;

  /** What becomes of a line that nobody understands. */
  public enum Unread {
    /** The log is wrong. */
    REFUSE,
    /** The line becomes one that nobody can carry out. */
    KEEP,
    /** The line is left out. */
    LEAVE_OUT
  }

  /** Decides what becomes of a line that nobody understands. */
  @FunctionalInterface
  public interface Policy {
    /**
     * Decides.
     *
     * @param call the line
     * @param wrong what is wrong with it
     * @param observed whether the program was watched from outside
     */
    Unread of(LogCall call, LogSyntaxException wrong, boolean observed);
  }

  /**
   * Begins a program of which every line must be understood.
   *
   * @param file the log's name, for errors
   * @param words what lines may say
   */
  public ProgramBuilder(String file, StepWords words) {
    this(file, words, REFUSING);
  }

  /**
   * Begins a program.
   *
   * @param file the log's name, for errors
   * @param words what lines may say
   * @param policy what becomes of lines that nobody understands
   */
  public ProgramBuilder(String file, StepWords words, Policy policy) {
    this.file = file;
    this.words = words;
    this.policy = policy;
    this.decoder = new StepDecoder(file, words);
  }

  /**
   * Adds a line; one that says what the line before answers becomes part of that.
   *
   * @throws LogSyntaxException if nobody understands the line and the policy does not bear it
   */
  public void add(LogCall call) {
    if (first == 0) {
      first = call.line();
    }
    Step step;
    try {
      step = decoder.decode(call);
    } catch (LogSyntaxException e) {
      switch (policy.of(call, e, observed)) {
        case REFUSE -> throw e;
        case KEEP -> addUnread(call, String.valueOf(e.getMessage()));
        case LEAVE_OUT -> {}
      }
      return;
    }
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
    return lines.isEmpty() && forgotten == 0;
  }

  /** Returns the program as far as it was not taken by {@link #settled}, and begins another. */
  public List<ScenarioLine> take() {
    List<ScenarioLine> taken = List.copyOf(lines);
    begin();
    return taken;
  }

  private void begin() {
    lines = new ArrayList<>();
    observed = false;
    first = 0;
    forgotten = 0;
  }

  /** Takes the lines that nothing that follows can change: all but the last. */
  List<ScenarioLine> settled() {
    if (lines.size() < 2) {
      return List.of();
    }
    List<ScenarioLine> settled = List.copyOf(lines.subList(0, lines.size() - 1));
    ScenarioLine last = lines.getLast();
    lines.clear();
    lines.add(last);
    return settled;
  }

  /**
   * Lets go of lines once there are too many to be kept; {@link #take(LogSource, Policy)} reads
   * them again.
   */
  public void bound() {
    if (lines.size() > KEPT || forgotten > 0) {
      forgotten += settled().size();
    }
  }

  /**
   * Returns the whole program and begins another; lines that were let go are read from the log
   * again.
   *
   * @param log where the lines came from
   * @param again decides as this builder's policy did, without telling anybody
   */
  public List<ScenarioLine> take(LogSource log, Policy again) {
    if (forgotten == 0) {
      return take();
    }
    var program =
        new LongProgram(
            log, first, forgotten + lines.size(), () -> new ProgramBuilder(file, words, again));
    begin();
    return program;
  }

  /** Tells whether a program is one that is read again line by line. */
  static boolean isLong(List<ScenarioLine> program) {
    return program instanceof LongProgram;
  }
}
