package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * What a step at a {@link SchedulePoint} touches: an object of the model and one of its parts. Two
 * are equal if it is the same object, not one that equals it. Points pass object and index, so that
 * a point without an observer allocates nothing; observers make locations where they need keys.
 *
 * @param where the lock, table, counter or trusted half
 * @param index which part of it: an entry, a page, a gfn; 0 where there is one only
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record Location(Object where, long index) {
  @Override
  public boolean equals(@org.jspecify.annotations.Nullable Object o) {
    return o instanceof Location l && where == l.where && index == l.index;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(where) * 31 + Long.hashCode(index);
  }

  @Override
  public String toString() {
    return name(where, index);
  }

  /** Returns the name of a part of an object, as far as the object has one ({@link Place}). */
  public static String name(Object where, long index) {
    if (where instanceof Place p) {
      return p.placeName(index);
    }
    String text = where.getClass().getSimpleName();
    return index == 0 ? text : text + " 0x" + Long.toHexString(index);
  }
}
