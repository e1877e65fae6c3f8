package dev.cocovisor.script.scenario;

import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.Value;
import java.util.HashSet;
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

  /**
   * Returns which of a VM's vCPUs go when its descriptor is closed by the line of this index: none,
   * or where the recorder closes a VM's descriptors by one line, those that the program does not go
   * on using; none of a program that is too long to be kept.
   *
   * @param vcpus the names of the VM's open vCPUs
   */
  public List<Long> goWithVm(List<Long> vcpus, List<ScenarioLine> program, int index) {
    if (closesEach || vcpus.isEmpty() || ProgramBuilder.isLong(program)) {
      return List.of();
    }
    Set<Long> used = new HashSet<>();
    for (ScenarioLine later :
        program.subList(Math.min(index + 1, program.size()), program.size())) {
      List<Value> args = later.call().args();
      if (!args.isEmpty() && args.getFirst() instanceof Value.Num n) {
        used.add(n.value());
      }
    }
    return vcpus.stream().filter(v -> !used.contains(v)).toList();
  }

  /** Reads a program before it is carried out. */
  public void read(List<ScenarioLine> program) {
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
