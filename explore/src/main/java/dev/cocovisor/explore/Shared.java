package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Place;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
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
  private final Map<Long, Long> touched;

  private Shared(Map<Long, Long> touched) {
    this.touched = touched;
  }

  /** Knows of no place that is shared. */
  static Shared none() {
    return new Shared(Map.of());
  }

  /** Returns what it knows as text, for another process: {@code place=parts}, in hex, sorted. */
  String text() {
    var words = new StringJoiner(" ");
    new TreeMap<>(touched)
        .forEach((key, masks) -> words.add(Long.toHexString(key) + "=" + Long.toHexString(masks)));
    return words.toString();
  }

  /** Returns what {@link #text} wrote, and all that other texts know besides. */
  static Shared parse(Collection<String> texts) {
    var all = new HashMap<Long, Long>();
    for (String text : texts) {
      for (String word : text.split(" ", -1)) {
        if (!word.isEmpty()) {
          int is = word.indexOf('=');
          long key = Long.parseUnsignedLong(word, 0, is, 16);
          long masks = Long.parseUnsignedLong(word, is + 1, word.length(), 16);
          all.merge(key, masks, (a, b) -> a | b);
        }
      }
    }
    return new Shared(all);
  }

  /** Tells whether another part was ever seen to touch the same place so that the order matters. */
  boolean conflicts(long key, Step s) {
    Long masks = touched.get(key);
    if (masks == null) {
      return false;
    }
    int others = ~(1 << s.part());
    int readers = (int) (long) masks;
    int writers = (int) (masks >>> 32);
    return (writers & others) != 0 || (s.mode() == Mode.WRITE && (readers & others) != 0);
  }

  /** Returns all that this knows and what was learnt, or null if nothing of it is new. */
  @Nullable Shared with(Iterable<Learnt> learnt) {
    var all = new HashMap<>(touched);
    for (Learnt l : learnt) {
      l.touched.forEach((key, masks) -> all.merge(key, masks, (a, b) -> a | b));
    }
    return all.equals(touched) ? null : new Shared(all);
  }

  /** What the executions of one worker touch. */
  static final class Learnt {
    private final Map<Long, Long> touched = new HashMap<>();
    private final Map<String, Long> hashes = new HashMap<>();
    private IdentityHashMap<Object, Long> names = new IdentityHashMap<>();

    /** Tells it that another trial begins. */
    void begin() {
      names = new IdentityHashMap<>();
    }

    /** Returns by what a step's place is known. */
    long key(Step s) {
      Long name = names.get(s.where());
      if (name == null) {
        String text =
            s.where() instanceof Place p ? p.placeName(0) : s.where().getClass().getName();
        name = hashes.computeIfAbsent(text, t -> t.hashCode() * 0x9e3779b97f4a7c15L);
        names.put(s.where(), name);
      }
      return name + s.index();
    }

    /** Returns what was touched that is not known yet, as {@link Shared#text} has it. */
    String beyond(Shared known) {
      var more = new HashMap<Long, Long>();
      touched.forEach((key, masks) -> {
        if ((masks & ~known.touched.getOrDefault(key, 0L)) != 0) {
          more.put(key, masks);
        }
      });
      return new Shared(more).text();
    }

    void add(Step s) {
      long who = 1L << s.part() << (s.mode() == Mode.WRITE ? 32 : 0);
      touched.merge(key(s), who, (a, b) -> a | b);
    }
  }
}
