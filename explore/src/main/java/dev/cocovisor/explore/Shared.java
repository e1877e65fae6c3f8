package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Place;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Which places parts share, as far as executions have shown: a place is known by its name, since
 * its object is another one in each trial. Two places of one name count as one, which errs on the
 * safe side.
 */
final class Shared {
  private final Map<Long, int[]> touched = new HashMap<>();
  private IdentityHashMap<Object, Integer> names = new IdentityHashMap<>();
  private boolean grew;

  /** Tells it that another trial begins. */
  void begin() {
    names = new IdentityHashMap<>();
  }

  private long key(Step s) {
    Integer name = names.get(s.where());
    if (name == null) {
      String text = s.where() instanceof Place p ? p.placeName(0) : s.where().getClass().getName();
      name = text.hashCode();
      names.put(s.where(), name);
    }
    return name * 0x9e3779b97f4a7c15L + s.index();
  }

  void add(Step s) {
    int[] masks = touched.computeIfAbsent(key(s), _ -> new int[2]);
    int which = s.mode() == Mode.WRITE ? 1 : 0;
    int now = masks[which] | 1 << s.part();
    if (now != masks[which]) {
      masks[which] = now;
      grew = true;
    }
  }

  /** Tells whether another part was ever seen to touch the same place so that the order matters. */
  boolean conflicts(Step s) {
    int[] masks = touched.get(key(s));
    if (masks == null) {
      return false;
    }
    int others = ~(1 << s.part());
    return (masks[1] & others) != 0 || (s.mode() == Mode.WRITE && (masks[0] & others) != 0);
  }

  /** Tells whether more was learnt since the last time it was asked. */
  boolean grew() {
    boolean was = grew;
    grew = false;
    return was;
  }
}
