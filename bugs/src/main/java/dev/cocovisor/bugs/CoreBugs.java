package dev.cocovisor.bugs;

import dev.cocovisor.bugs.core.FreesFirst;
import dev.cocovisor.bugs.core.M1;
import dev.cocovisor.bugs.core.M2;
import dev.cocovisor.bugs.core.M20;
import dev.cocovisor.bugs.core.M21;
import dev.cocovisor.bugs.core.M22;
import dev.cocovisor.bugs.core.M25;
import dev.cocovisor.bugs.core.M26;
import dev.cocovisor.bugs.core.M29;
import dev.cocovisor.bugs.core.M3;
import dev.cocovisor.bugs.core.M31;
import dev.cocovisor.bugs.core.M32;
import dev.cocovisor.bugs.core.M33;
import dev.cocovisor.bugs.core.M4;
import dev.cocovisor.bugs.core.M6;
import dev.cocovisor.bugs.core.NoRetry;
import dev.cocovisor.bugs.core.NoSrcu;
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
          new M3(),
          new M1(),
          new M2(),
          new M4(),
          new M6(),
          new NoSrcu(),
          new M20(),
          new M21(),
          new M22(),
          new M25(),
          new M26(),
          new M29(),
          new M31(),
          new M32(),
          new M33());

  private CoreBugs() {}
}
