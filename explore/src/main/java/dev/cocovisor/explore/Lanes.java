package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.List;

/**
 * An interleaving for people: a column a part, a line a step that another part's steps conflict
 * with, and a line where a call begins. The step at which a part was interrupted, and the one of
 * another part that conflicts with it, are marked.
 */
final class Lanes {
  private static final int WIDTH = 44;

  private Lanes() {}

  static List<String> of(Execution x) {
    List<Step> made = x.made();
    List<Trial.Part> parts = x.parts();
    var lines = new ArrayList<String>();
    StringBuilder head = new StringBuilder("     ");
    for (Trial.Part p : parts) {
      head.append(padded(p.name()));
    }
    lines.add(head.toString().stripTrailing());
    int[] call = new int[parts.size()];
    java.util.Arrays.fill(call, -1);
    for (int i = 0; i < made.size(); i++) {
      Step s = made.get(i);
      int now = x.callsAt(i)[s.part()];
      if (now != call[s.part()]) {
        call[s.part()] = now;
        lines.add(line(i, s.part(), "» " + parts.get(s.part()).calls().get(now).text()));
      }
      if (matters(made, i)) {
        lines.add(line(i, s.part(), (meets(made, i) ? "* " : "  ") + s));
      }
    }
    return lines;
  }

  private static boolean matters(List<Step> made, int i) {
    Step s = made.get(i);
    if (s.kind() == PointKind.RETRY) {
      return false;
    }
    for (Step other : made) {
      if (other.conflicts(s)) {
        return true;
      }
    }
    return false;
  }

  /** Tells whether a step follows a step of another part that touched the same. */
  static boolean meets(List<Step> made, int i) {
    return i > 0 && made.get(i - 1).part() != made.get(i).part() && conflictsNearby(made, i);
  }

  private static boolean conflictsNearby(List<Step> made, int i) {
    for (int k = i - 1; k >= 0 && made.get(k).part() != made.get(i).part(); k--) {
      if (made.get(k).conflicts(made.get(i))) {
        return true;
      }
    }
    return false;
  }

  private static String line(int step, int lane, String text) {
    return "%4d ".formatted(step) + " ".repeat(lane * WIDTH) + text;
  }

  private static String padded(String text) {
    return text.length() >= WIDTH ? text : text + " ".repeat(WIDTH - text.length());
  }
}
