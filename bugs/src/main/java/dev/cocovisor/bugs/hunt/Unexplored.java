package dev.cocovisor.bugs.hunt;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.LogBug;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.script.generate.ProgramGenerator;
import dev.cocovisor.script.generate.ProgramSeed;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Who notices a bug that nobody looks for: recordings that are replayed on a host that has it, and
 * random programs after each of whose calls the invariants are looked at.
 */
public final class Unexplored {
  private static final int CALLS = 60;

  private final Technologies technologies;

  /**
   * Makes it.
   *
   * @param technologies those there are, without a bug
   */
  public Unexplored(Technologies technologies) {
    this.technologies = technologies;
  }

  /**
   * Tells whether a replay of one of these recordings differs where a bug is, and does not where it
   * is not.
   */
  public boolean replaySees(Bug bug, List<Path> recordings) {
    return replayDiffers(bug, recordings, true) && !replayDiffers(bug, recordings, false);
  }

  private boolean replayDiffers(Bug bug, List<Path> recordings, boolean there) {
    LogReplayer kvm =
        new KvmLogReplayer(there ? bug.putInto(technologies) : bug.leaveOut(technologies));
    for (Path recording : recordings) {
      boolean own = bug instanceof LogBug && recording.toString().contains(".rmilog");
      if (own || recording.toString().contains(".kvmlog")) {
        LogReplayer replayer = own ? ((LogBug) bug).replaying(there) : kvm;
        if (differs(replayer, recording)) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean differs(LogReplayer replayer, Path recording) {
    long[] mismatches = new long[1];
    try {
      var _ =
          replayer.replay(
              LogSource.file(recording), new ReplayOptions(-1, 1), _ -> mismatches[0]++);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      return true;
    }
    return mismatches[0] != 0;
  }

  /**
   * Tells whether one of these scenarios, which were written for other ends, goes wrong where a bug
   * is and does not where it is not.
   */
  public boolean examplesSee(Bug bug, List<Path> examples) {
    if (bug instanceof LogBug) {
      return false;
    }
    for (Path file : examples) {
      Scenario scenario = scenario(file);
      if (scenario.backends().contains(bug.technology())
          && goesWrong(bug, scenario, bug.putInto(technologies))
          && !goesWrong(bug, scenario, bug.leaveOut(technologies))) {
        return true;
      }
    }
    return false;
  }

  /** A scenario whose first call failed cannot always go on, which is as good as a difference. */
  private static boolean goesWrong(Bug bug, Scenario scenario, Technologies on) {
    try {
      return PlainRun.of(bug, scenario, on).broke();
    } catch (RuntimeException e) {
      return true;
    }
  }

  private Scenario scenario(Path file) {
    try {
      return Scenario.read(LogSource.file(file), StepWords.of(technologies));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Tells whether one of so many random programs breaks an invariant where a bug is, and none does
   * where it is not.
   */
  public boolean generateSees(Bug bug, int programs) {
    return breaks(bug, bug.putInto(technologies), programs)
        && !breaks(bug, bug.leaveOut(technologies), programs);
  }

  private static boolean breaks(Bug bug, Technologies on, int programs) {
    Technology t = on.require(bug.technology());
    Backend b = t.backend();
    List<Backend> backends = b == null ? List.of() : List.of(b);
    HostConfig host = HostConfig.DEFAULT.withArchitecture(t.architecture());
    boolean[] broken = new boolean[1];
    for (int seed = 1; seed <= programs && !broken[0]; seed++) {
      try {
        var _ =
            ProgramGenerator.generate(
                ProgramSeed.of(seed),
                host,
                backends,
                on::boot,
                CALLS,
                _ -> {},
                p -> {
                  p.kvm().checkAlways(_ -> broken[0] = true);
                  p.kvm().checkInvariants(_ -> broken[0] = true);
                });
      } catch (RuntimeException e) {
        return true;
      }
    }
    return broken[0];
  }
}
