package dev.cocovisor.bugs.cca;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.TrialBug;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;

/** One command takes the page before the table it goes into, another the table before the page. */
public final class M9 extends TrialBug {
  /** Creates the bug. */
  public M9() {
    super(
        "M9",
        Area.CCA,
        "cca",
        "TF-RMM 5c18af34",
        "DATA_MAP_INIT locks the page before the table it goes into, DATA_MAP the table before the"
            + " page, so two PEs wait for each other.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Safeguards.class, new Faulty());
  }

  @Override
  protected String suffix() {
    return "rmilog";
  }

  @Override
  public boolean answersMatter() {
    return false;
  }

  @Override
  public Subject subject(boolean there) {
    String text = scenario();
    Safeguards rules = there ? new Faulty() : Safeguards.ALL;
    return new Subject() {
      @Override
      public String name() {
        return scenarioName();
      }

      @Override
      public Trial newTrial() {
        return new RmiTrial(text, rules);
      }
    };
  }

  private static final class Faulty extends Safeguards {
    @Override
    public int lockPageFirst(GranuleTable granules, long page) {
      int g = granules.find(page);
      if (g == GranuleTable.NONE || granules.state(g) != GranuleState.S_DELEGATED) {
        return GranuleTable.NONE;
      }
      granules.lock(g);
      return g;
    }
  }
}
