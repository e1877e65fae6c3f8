package dev.cocovisor.core.mm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A process's memory page by page, as the manual pages tell it: one byte stands for a page, nothing
 * is huge, nothing is shared but what is said to be, and no table is kept. It knows what a program
 * can read and what a call answers; it does not know how.
 */
final class NaiveMemory {
  static final int SEGV = -1;
  static final int BUS = -2;

  /** A file's pages; one that is not there reads as 0. */
  static final class File {
    final Map<Long, Integer> pages = new HashMap<>();
    long size;

    void truncate(long pagesNow) {
      pages.keySet().removeIf(p -> p >= pagesNow);
      size = pagesNow;
    }

    void punch(long from, long to) {
      pages.keySet().removeIf(p -> p >= from && p < to);
    }
  }

  /** What is mapped at one page. */
  record Page(
      int prot,
      boolean shared,
      File file,
      long index,
      boolean guard,
      boolean locked,
      boolean kept,
      boolean wiped) {
    Page with(int newProt) {
      return new Page(newProt, shared, file, index, guard, locked, kept, wiped);
    }

    Page guarded(boolean on) {
      return new Page(prot, shared, file, index, on, locked, kept, wiped);
    }

    Page locked(boolean on) {
      return new Page(prot, shared, file, index, guard, on, kept, wiped);
    }

    /** MADV_DONTFORK. */
    Page kept(boolean on) {
      return new Page(prot, shared, file, index, guard, locked, on, wiped);
    }

    /** MADV_WIPEONFORK. */
    Page wiped(boolean on) {
      return new Page(prot, shared, file, index, guard, locked, kept, on);
    }

    /** The page behind it of the same mapping. */
    Page behind(long by) {
      return new Page(prot, shared, file, index + by, false, locked, kept, wiped);
    }
  }

  final TreeMap<Long, Page> pages = new TreeMap<>();

  /** What private pages hold; one that is not there is a page of zeros or the file's. */
  private final Map<Long, Integer> own = new HashMap<>();

  void map(long from, long to, int prot, boolean shared, File file, long index) {
    unmap(from, to);
    for (long p = from; p < to; p++) {
      pages.put(p, new Page(prot, shared, file, index + (p - from), false, false, false, false));
    }
  }

  void unmap(long from, long to) {
    for (long p = from; p < to; p++) {
      pages.remove(p);
      own.remove(p);
    }
  }

  /** Pages of a range, and whether there is a hole in it. */
  boolean hole(long from, long to) {
    return pages.subMap(from, to).size() < to - from;
  }

  List<Long> mapped(long from, long to) {
    return new ArrayList<>(pages.subMap(from, to).keySet());
  }

  int read(long page) {
    Page p = pages.get(page);
    if (p == null || p.prot == 0 || p.guard) {
      return SEGV;
    }
    Integer mine = own.get(page);
    if (mine != null) {
      return mine;
    }
    if (p.file == null) {
      return 0;
    }
    return p.index >= p.file.size ? BUS : p.file.pages.getOrDefault(p.index, 0);
  }

  int write(long page, int value) {
    Page p = pages.get(page);
    if (p == null || (p.prot & 2) == 0 || p.guard) {
      return SEGV;
    }
    if (p.file != null && !own.containsKey(page) && p.index >= p.file.size) {
      return BUS;
    }
    if (p.shared) {
      p.file.pages.put(p.index, value);
    } else {
      own.put(page, value);
    }
    return 0;
  }

  /** MADV_DONTNEED of one page. */
  void forget(long page) {
    own.remove(page);
  }

  /** What lies behind a file's new end goes from private mappings too, copies included. */
  void truncated(File file) {
    pages.forEach((k, v) -> {
      if (v.file == file && v.index >= file.size) {
        own.remove(k);
      }
    });
  }

  void move(long from, long to, long at, boolean keep) {
    Map<Long, Page> moved = new TreeMap<>();
    Map<Long, Integer> held = new HashMap<>();
    for (long p = from; p < to; p++) {
      Page v = pages.get(p);
      if (v != null) {
        moved.put(at + (p - from), v);
        // What stays behind is empty: guards go with the tables, and it is not locked.
        Page left = v.guarded(false).locked(false);
        if (keep) {
          pages.put(p, left);
        } else {
          pages.remove(p);
        }
      }
      Integer o = own.remove(p);
      if (o != null) {
        held.put(at + (p - from), o);
      }
    }
    for (Map.Entry<Long, Page> e : moved.entrySet()) {
      own.remove(e.getKey());
      pages.put(e.getKey(), e.getValue());
    }
    own.putAll(held);
  }

  /** What a child gets: copies of what is private, the same files. */
  NaiveMemory fork() {
    var child = new NaiveMemory();
    pages.forEach((k, v) -> {
      if (!v.kept) {
        child.pages.put(k, v.locked(false).guarded(v.guard && !v.wiped));
      }
    });
    own.forEach((k, v) -> {
      if (child.pages.containsKey(k) && !child.pages.get(k).wiped) {
        child.own.put(k, v);
      }
    });
    return child;
  }
}
