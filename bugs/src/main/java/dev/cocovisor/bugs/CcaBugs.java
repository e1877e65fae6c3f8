package dev.cocovisor.bugs;

import dev.cocovisor.bugs.cca.M12;
import dev.cocovisor.bugs.cca.M13;
import dev.cocovisor.bugs.cca.M14;
import dev.cocovisor.bugs.cca.M51;
import dev.cocovisor.bugs.cca.M58;
import dev.cocovisor.bugs.cca.M59;
import dev.cocovisor.bugs.cca.M68;
import dev.cocovisor.bugs.cca.M69;
import dev.cocovisor.bugs.cca.M70;
import dev.cocovisor.bugs.cca.M71;
import dev.cocovisor.bugs.cca.M72;
import dev.cocovisor.bugs.cca.M73;
import dev.cocovisor.bugs.cca.M74;
import dev.cocovisor.bugs.cca.M9;
import dev.cocovisor.bugs.entry.Bug;
import java.util.List;

/** The bugs of CCA. */
final class CcaBugs {
  static final List<Bug> ALL =
      List.of(
          new M9(), new M12(), new M13(), new M14(), new M51(), new M58(), new M59(), new M68(),
          new M69(), new M70(), new M71(), new M72(), new M73(), new M74());

  private CcaBugs() {}
}
