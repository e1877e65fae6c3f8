package dev.cocovisor.bugs;

import dev.cocovisor.api.Nearest;
import dev.cocovisor.bugs.entry.Bug;
import java.util.ArrayList;
import java.util.List;

/** The bugs there are, group by group in the order of the table of known bugs. */
public final class Bugs {
  private static final List<Bug> ALL = all();

  private Bugs() {}

  private static List<Bug> all() {
    var all = new ArrayList<Bug>();
    all.addAll(CoreBugs.ALL);
    all.addAll(TdxBugs.ALL);
    all.addAll(SnpBugs.ALL);
    all.addAll(PkvmBugs.ALL);
    all.addAll(CcaBugs.ALL);
    all.addAll(RiscvBugs.ALL);
    return List.copyOf(all);
  }

  /** Returns all of them. */
  public static List<Bug> list() {
    return ALL;
  }

  /**
   * Returns a bug.
   *
   * @throws IllegalArgumentException if there is none of this id; the text names the one that was
   *     meant, or all there are
   */
  public static Bug of(String id) {
    for (Bug b : ALL) {
      if (b.id().equalsIgnoreCase(id)) {
        return b;
      }
    }
    throw new IllegalArgumentException(
        Nearest.refusal("bug", id, ALL.stream().map(Bug::id).toList()));
  }
}
