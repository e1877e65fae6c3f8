package dev.cocovisor.bugs;

import dev.cocovisor.bugs.core.FreesFirst;
import dev.cocovisor.bugs.core.M3;
import dev.cocovisor.bugs.core.NoRetry;
import dev.cocovisor.bugs.core.ReadLate;
import dev.cocovisor.bugs.core.SilentNotifier;
import dev.cocovisor.bugs.core.StillSequence;
import dev.cocovisor.bugs.entry.Bug;
import java.util.List;

/** The bugs of the core. */
final class CoreBugs {
  static final List<Bug> ALL =
      List.of(
          new NoRetry(),
          new StillSequence(),
          new ReadLate(),
          new SilentNotifier(),
          new FreesFirst(),
          new M3());

  private CoreBugs() {}
}
