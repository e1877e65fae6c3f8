package dev.cocovisor.script.scenario;

import dev.cocovisor.script.call.KvmCall;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How the programs of one log are written, as far as those read so far show it: what a program does
 * not say, the log said before.
 *
 * <p>A program without a word that tells its host ran on the host of the programs before it. A log
 * in which no program ever closes a vCPU was written by a recorder that closes all of a VM's
 * descriptors by one line; in any other log, and in a program that tells its host itself, what is
 * not closed stays open.
 */
public final class LogHabits {
  private @Nullable String technology;
  private boolean closesEach;

  /** Creates the habits of a log of which nothing was read. */
  public LogHabits() {}

  /** Returns the id of the technology that an earlier program meant; null if none did. */
  @Nullable String technology() {
    return technology;
  }

  /** An earlier program meant this technology. */
  void meant(String id) {
    technology = id;
  }

  /** Tells whether a VM's vCPUs go with its descriptor. */
  boolean closesVmByOneLine() {
    return !closesEach;
  }

  /** Reads a program before it is carried out. */
  void read(List<ScenarioLine> program) {
    Set<Long> vcpus = new LinkedHashSet<>();
    for (ScenarioLine line : program) {
      if (!(line.step() instanceof Step.Call(KvmCall call))) {
        continue;
      }
      if (call instanceof KvmCall.HostSetup) {
        closesEach = true;
      } else if (call instanceof KvmCall.GuestRun run) {
        vcpus.add(run.fd());
      } else if (call instanceof KvmCall.Close close) {
        closesEach |= vcpus.contains(close.fd());
      }
    }
  }
}
