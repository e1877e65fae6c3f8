package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * An interleaving for people: a column a part, a line a step that another part's steps conflict
 * with, and a line where a call begins. The step at which a part was interrupted, and the one of
 * another part that conflicts with it, are marked; where another goes on, the locks that are held
 * meanwhile are named.
 */
final class Lanes {
  private static final int WIDTH = 44;

  private final Execution x;
  private final List<Map<String, List<String>>> held;
  private final List<String> lines = new ArrayList<>();
  private final int[] call;
  private String last = "";
  private int again;

  private Lanes(Execution x, List<Map<String, List<String>>> held) {
    this.x = x;
    this.held = held;
    call = new int[x.parts().size()];
    Arrays.fill(call, -1);
  }

  /**
   * Draws an execution whose steps were kept.
   *
   * @param held what each part held before each step, by its name
   */
  static List<String> of(Execution x, List<Map<String, List<String>>> held) {
    var lanes = new Lanes(x, held);
    lanes.draw();
    return lanes.lines;
  }

  private void draw() {
    List<ScheduleStep> made = x.made();
    StringBuilder head = new StringBuilder("     ");
    for (Trial.Part p : x.parts()) {
      head.append(padded(p.name()));
    }
    lines.add(head.toString().stripTrailing());
    for (int i = 0; i < made.size(); i++) {
      ScheduleStep s = made.get(i);
      if (i > 0 && made.get(i - 1).part() != s.part()) {
        leaves(i, made.get(i - 1).part());
      }
      int now = x.callsAt(i)[s.part()];
      if (now != call[s.part()]) {
        call[s.part()] = now;
        add(i, s.part(), "» " + x.parts().get(s.part()).calls().get(now).text());
      }
      if (matters(made, i)) {
        add(i, s.part(), (meets(made, i) ? "* " : "  ") + s);
      }
    }
    repeats();
  }

  /** A part lets another go on: what it holds meanwhile. */
  private void leaves(int step, int part) {
    List<String> locks = step < held.size() ? held.get(step).get(x.parts().get(part).name()) : null;
    if (locks != null) {
      add(step, part, "  holds " + String.join(", ", locks));
    }
  }

  /** Adds a line; one that only repeats the one before is counted. */
  private void add(int step, int lane, String text) {
    String line = " ".repeat(lane * WIDTH) + text;
    if (line.equals(last)) {
      again++;
      return;
    }
    repeats();
    lines.add("%4d ".formatted(step) + line);
    last = line;
  }

  private void repeats() {
    if (again > 0) {
      String indent = last.substring(0, last.length() - last.stripLeading().length());
      lines.add("     " + indent + "(" + again + " times more)");
    }
    again = 0;
  }

  private static boolean matters(List<ScheduleStep> made, int i) {
    ScheduleStep s = made.get(i);
    if (s.kind() == PointKind.RETRY) {
      return false;
    }
    for (ScheduleStep other : made) {
      if (other.conflicts(s)) {
        return true;
      }
    }
    return false;
  }

  /** Tells whether a step follows a step of another part that touched the same. */
  static boolean meets(List<ScheduleStep> made, int i) {
    return i > 0 && made.get(i - 1).part() != made.get(i).part() && conflictsNearby(made, i);
  }

  private static boolean conflictsNearby(List<ScheduleStep> made, int i) {
    for (int k = i - 1; k >= 0 && made.get(k).part() != made.get(i).part(); k--) {
      if (made.get(k).conflicts(made.get(i))) {
        return true;
      }
    }
    return false;
  }

  private static String padded(String text) {
    return text.length() >= WIDTH ? text : text + " ".repeat(WIDTH - text.length());
  }
}
