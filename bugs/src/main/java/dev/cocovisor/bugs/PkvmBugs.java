package dev.cocovisor.bugs;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.pkvm.M10;
import dev.cocovisor.bugs.pkvm.M17;
import dev.cocovisor.bugs.pkvm.M44;
import dev.cocovisor.bugs.pkvm.M45;
import dev.cocovisor.bugs.pkvm.M46;
import dev.cocovisor.bugs.pkvm.M47;
import java.util.List;

/** The bugs of pKVM. */
final class PkvmBugs {
  static final List<Bug> ALL =
      List.of(new M10(), new M17(), new M44(), new M45(), new M46(), new M47());

  private PkvmBugs() {}
}
