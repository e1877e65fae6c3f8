package dev.cocovisor.tck.bench;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.vmm.Outcome;

/** What every group of rules builds on: the subject, and a fresh host for each rule. */
public interface Kit {
  /** RAM of a guest in bytes: four pieces of 2 MiB. */
  long MEMORY = 8L << 20;

  /** Returns what is judged. */
  JudgedBackend subject();

  /** Returns what the rule that runs has found besides. */
  Notes notes();

  /** Returns who looks on. */
  default Spectator spectator() {
    return Spectator.NONE;
  }

  /** Claims that a call for what the technology does not offer is refused as documented. */
  default void notOffered(Behaviour what, long ret, String call) {
    if (what.refusal() == null) {
      Claims.refused(ret, call);
    } else {
      Claims.answers(
          what.refusal(), ret, call + ", which the technology does not offer (" + what + ")");
    }
    notes().refused(what + " is not offered: " + call + " answered " + Claims.name(ret));
  }

  /** As {@link #notOffered(Behaviour, long, String)}, for a step that the guest takes part in. */
  default void notOffered(Behaviour what, Outcome outcome, String step) {
    if (outcome instanceof Outcome.Answered a) {
      notOffered(what, a.ret(), step);
      return;
    }
    Claims.refused(outcome, step);
    notes().refused(what + " is not offered: " + step + " was " + outcome);
  }

  /** Notes that something is not offered, and that its documented absence was just shown. */
  default void absent(Behaviour what, String shown) {
    notes().refused(what + " is not offered: " + shown);
  }

  /** Ends a rule that shows a claim which the technology does not make. */
  default void needs(Claim claim) {
    if (!subject().claims(claim)) {
      throw Notes.unjudged("the technology does not claim that " + claim.says());
    }
  }

  /** Runs a rule on a fresh host and holds it to everything that is true of each run. */
  default void onBench(Steps steps) {
    onBench(false, HostConfig.DEFAULT.memoryFrames(), steps);
  }

  /** As {@link #onHugeBench(Steps)}, on a host of 256 MiB that can be used up. */
  default void onSmallBench(Steps steps) {
    onBench(true, 1 << 16, steps);
  }

  /** As {@link #onBench(Steps)}, on a host whose guest_memfds prefer folios of 2 MiB. */
  default void onHugeBench(Steps steps) {
    onBench(true, HostConfig.DEFAULT.memoryFrames(), steps);
  }

  private void onBench(boolean hugeFolios, long frames, Steps steps) {
    String why = subject().unjudged();
    if (why != null) {
      throw Notes.unjudged(why);
    }
    try (Bench bench = new Bench(subject(), spectator(), hugeFolios, frames)) {
      try {
        steps.run(bench);
        bench.check();
      } catch (RuntimeException | Error e) {
        bench.failed();
        throw e;
      }
    }
  }

  /** The steps of a rule. */
  @FunctionalInterface
  interface Steps {
    /** Carries them out; {@code bench} is the kit's own. */
    void run(Bench bench);
  }
}
