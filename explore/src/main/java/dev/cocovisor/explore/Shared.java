package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Place;
import java.util.Arrays;
import java.util.Collection;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which places parts share, as far as executions have shown: a place is known by its name, since
 * its object is another one in each trial. Two places of one name count as one, which errs on the
 * safe side.
 */
final class Shared {
  /** By place: the parts that looked at it in the low half, those that changed it in the high. */
  private final Masks touched;

  private Shared(Masks touched) {
    this.touched = touched;
  }

  /** Knows of no place that is shared. */
  static Shared none() {
    return new Shared(new Masks());
  }

  /** Returns what it knows as text, for another process: {@code place=parts}, in hex, sorted. */
  String text() {
    var sorted = new TreeMap<Long, Long>();
    touched.forEach((key, masks) -> sorted.put(key, masks));
    var words = new StringJoiner(" ");
    sorted.forEach(
        (key, masks) -> words.add(Long.toHexString(key) + "=" + Long.toHexString(masks)));
    return words.toString();
  }

  /** Returns what {@link #text} wrote, and all that other texts know besides. */
  static Shared parse(Collection<String> texts) {
    var all = new Masks();
    for (String text : texts) {
      for (String word : text.split(" ", -1)) {
        if (!word.isEmpty()) {
          int is = word.indexOf('=');
          long key = Long.parseUnsignedLong(word, 0, is, 16);
          var _ = all.add(key, Long.parseUnsignedLong(word, is + 1, word.length(), 16));
        }
      }
    }
    return new Shared(all);
  }

  /** Tells whether another part was ever seen to touch the same place so that the order matters. */
  boolean conflicts(long key, ScheduleStep s) {
    long masks = touched.get(key);
    int others = ~(1 << s.part());
    int readers = (int) masks;
    int writers = (int) (masks >>> 32);
    return (writers & others) != 0 || (s.mode() == Mode.WRITE && (readers & others) != 0);
  }

  /** Returns all that this knows and what was learnt, or null if nothing of it is new. */
  @Nullable Shared with(Iterable<Learnt> learnt) {
    Masks all = touched.copy();
    boolean news = false;
    for (Learnt l : learnt) {
      news |= all.addAll(l.touched);
    }
    return news ? new Shared(all) : null;
  }

  /** What the executions of one worker touch. */
  static final class Learnt {
    private final Masks touched = new Masks();

    /** The places of this trial, which are few, and by what each is known. */
    private Object[] places = new Object[32];

    private long[] names = new long[32];
    private int known;

    /** The place that was asked for last: a step is asked for before it is made and then. */
    private int last;

    /** Tells it that another trial begins. */
    void begin() {
      Arrays.fill(places, 0, known, null);
      known = 0;
      last = 0;
    }

    /** Returns by what a step's place is known. */
    long key(ScheduleStep s) {
      Object where = s.where();
      if (places[last] == where) {
        return names[last] + s.index();
      }
      for (int i = 0; i < known; i++) {
        if (places[i] == where) {
          last = i;
          return names[i] + s.index();
        }
      }
      String text = where instanceof Place p ? p.placeName(0) : where.getClass().getName();
      if (known == places.length) {
        places = Arrays.copyOf(places, known * 2);
        names = Arrays.copyOf(names, known * 2);
      }
      last = known;
      places[known] = where;
      names[known] = text.hashCode() * 0x9e3779b97f4a7c15L;
      return names[known++] + s.index();
    }

    /** Returns what was touched that is not known yet, as {@link Shared#text} has it. */
    String beyond(Shared known) {
      var more = new Masks();
      touched.forEach((key, masks) -> {
        if ((masks & ~known.touched.get(key)) != 0) {
          var _ = more.add(key, masks);
        }
      });
      return new Shared(more).text();
    }

    void add(ScheduleStep s) {
      long who = 1L << s.part() << (s.mode() == Mode.WRITE ? 32 : 0);
      var _ = touched.add(key(s), who);
    }
  }
}
