package dev.cocovisor.core.mmu;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongToIntFunction;
import org.jspecify.annotations.Nullable;

/** The tables under one root as sets: which entries lead on, and which are leaves. */
final class NaiveTables {
  /** A leaf. */
  record Leaf(long pfn, boolean writable, boolean isPrivate) {}

  /** Where a leaf or a table stands. */
  record At(int level, long gfn) {}

  final int top;
  final List<TreeMap<Long, Leaf>> leaves = new ArrayList<>();
  final List<TreeSet<Long>> tables = new ArrayList<>();

  NaiveTables(int top) {
    this.top = top;
    for (int i = 0; i <= top; i++) {
      leaves.add(new TreeMap<>());
      tables.add(new TreeSet<>());
    }
  }

  static long size(int level) {
    return 1L << (9 * (level - 1));
  }

  static long base(long gfn, int level) {
    return gfn & -size(level);
  }

  boolean reaches(long gfn) {
    return gfn >= 0 && gfn < size(top) * 512;
  }

  boolean isTable(int level, long gfn) {
    return tables.get(level).contains(base(gfn, level));
  }

  @Nullable Leaf leaf(int level, long gfn) {
    return leaves.get(level).get(base(gfn, level));
  }

  /** Returns the level of the entry at which a walk ends. */
  int ends(long gfn) {
    int level = top;
    while (isTable(level, gfn)) {
      level--;
    }
    return level;
  }

  void split(int level, long gfn) {
    long at = base(gfn, level);
    Leaf old = leaves.get(level).remove(at);
    if (old == null) {
      throw new IllegalStateException("no leaf");
    }
    tables.get(level).add(at);
    for (int k = 0; k < 512; k++) {
      long by = k * size(level - 1);
      leaves.get(level - 1).put(at + by, new Leaf(old.pfn() + by, old.writable(), old.isPrivate()));
    }
  }

  /** Takes a table with all that is below it away. */
  void cut(int level, long gfn) {
    long from = base(gfn, level);
    tables.get(level).remove(from);
    for (int l = level - 1; l >= 1; l--) {
      tables.get(l).subSet(from, from + size(level)).clear();
      leaves.get(l).subMap(from, from + size(level)).clear();
    }
  }

  /** Returns the leaves that overlap a range, in the order of their gfns. */
  NavigableMap<Long, At> over(long start, long end) {
    TreeMap<Long, At> found = new TreeMap<>();
    for (int l = 1; l <= top; l++) {
      for (long gfn : leaves.get(l).keySet()) {
        if (gfn < end && gfn + size(l) > start) {
          found.put(gfn, new At(l, gfn));
        }
      }
    }
    return found;
  }

  /** Returns the tables, those below others first, by gfn. */
  List<At> fromTheLeavesUp() {
    List<At> all = new ArrayList<>();
    collect(top, 0, size(top) * 512, all);
    return all;
  }

  private void collect(int level, long from, long to, List<At> into) {
    for (long gfn : tables.get(level).subSet(from, to)) {
      collect(level - 1, gfn, gfn + size(level), into);
      into.add(new At(level, gfn));
    }
  }

  /** Makes tables whose start lies in a slot leaves where the rule allows; tells whether any. */
  boolean recover(long start, long end, LongToIntFunction rule) {
    return recover(top, 0, size(top) * 512, start, end, rule);
  }

  private boolean recover(
      int level, long from, long to, long start, long end, LongToIntFunction rule) {
    boolean any = false;
    for (long gfn : new ArrayList<>(tables.get(level).subSet(from, to))) {
      if (gfn >= end || gfn + size(level) <= start) {
        continue;
      }
      if (level > 3 || gfn < start || rule.applyAsInt(gfn) < level) {
        any |= recover(level - 1, gfn, gfn + size(level), start, end, rule);
        continue;
      }
      Map.Entry<Long, At> first = over(gfn, gfn + size(level)).firstEntry();
      if (first == null) {
        continue;
      }
      Leaf small = Objects.requireNonNull(leaf(first.getValue().level(), first.getKey()));
      cut(level, gfn);
      leaves
          .get(level)
          .put(gfn, new Leaf(small.pfn() & -size(level), small.writable(), small.isPrivate()));
      any = true;
    }
    return any;
  }

  long tablePages() {
    return 1 + tables.stream().mapToLong(TreeSet::size).sum();
  }

  long leaves(int level) {
    return level > top ? 0 : leaves.get(level).size();
  }
}
