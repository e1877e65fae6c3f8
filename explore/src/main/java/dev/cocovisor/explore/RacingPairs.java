package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Which pairs of schedule points met: two parts stood before steps that touch the same place, at
 * least one of them changes it, and one went first. A pair is told by what kind of steps they are
 * and of what kind the place is, not by which page or frame it was, so that pairs of many
 * executions are alike.
 */
final class RacingPairs {
  private static final Pattern NUMBER = Pattern.compile("0x[0-9a-f]+|\\b\\d+\\b");

  private record Pair(
      PointKind first, Mode firstMode, PointKind second, Mode secondMode, Object place) {
    @Override
    public String toString() {
      String name =
          place instanceof Class<?> c
              ? c.getSimpleName()
              : NUMBER.matcher(place.toString()).replaceAll("#");
      return step(first, firstMode) + " before " + step(second, secondMode) + " at " + name;
    }

    private static String step(PointKind kind, Mode mode) {
      return kind + " " + mode.name().toLowerCase(Locale.ROOT);
    }
  }

  private final Set<Pair> met = new HashSet<>();

  /** Notes that a step is made while other parts stand before theirs. */
  void made(ScheduleStep step, ScheduleStep[] pending, boolean[] ended) {
    for (int i = 0; i < pending.length; i++) {
      ScheduleStep other = pending[i];
      if (!ended[i] && step.conflicts(other)) {
        Object where = step.where();
        Object place = where instanceof ModelLock lock ? lock.toString() : where.getClass();
        met.add(new Pair(step.kind(), step.mode(), other.kind(), other.mode(), place));
      }
    }
  }

  /** Adds those of others. */
  void addAll(RacingPairs others) {
    met.addAll(others.met);
  }

  /** Returns the pairs as text, in order. */
  SortedSet<String> texts() {
    var all = new TreeSet<String>();
    met.forEach(p -> all.add(p.toString()));
    return all;
  }
}
