package dev.cocovisor.report.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * Events of the Java flight recorder for long runs: how long each step took, with all that it
 * caused. Where nobody records, an event costs a test. Record by {@code
 * COCOVISOR_OPTS=-XX:StartFlightRecording:filename=run.jfr}.
 */
public final class FlightRecorder {
  private FlightRecorder() {}

  /** Begins a step; {@link Step#done} ends it. */
  public static Step begin() {
    var step = new Step();
    step.begin();
    return step;
  }

  /**
   * One step of a scenario, log that is replayed, random program, rule of the kit, vector, search
   * or meeting of actors.
   */
  @Name("dev.cocovisor.Step")
  @Label("Step")
  @Category("Cocovisor")
  @Description("A step, log, program, rule, vector or search")
  @StackTrace(false)
  public static final class Step extends Event {
    @Label("What")
    String what = "";

    @Label("Answer")
    String answer = "";

    @Label("Line")
    int line;

    @Label("Events")
    @Description("Hooks, firmware calls and what else happened inside")
    int events;

    private Step() {}

    /** Ends the step, and tells of it if somebody records. */
    public void done(int at, String call, String got, int happened) {
      end();
      if (shouldCommit()) {
        line = at;
        what = call;
        answer = got;
        events = happened;
        commit();
      }
    }
  }
}
