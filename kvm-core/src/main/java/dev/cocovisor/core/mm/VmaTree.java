package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mappings of a process in the order of their addresses: a sorted array that is replaced as a
 * whole, so that a fault finds its mapping without a lock.
 *
 * <p>Mappings are cut where a call ends inside one and joined where two fit together, because both
 * show: a cut drops the huge page it goes through, and a huge page needs one mapping around its
 * whole block. Sources (Linux 7.3): {@code mm/vma.c}, __split_vma, vma_modify_flags,
 * vma_merge_new_range; {@code mm/huge_memory.c}, vma_adjust_trans_huge.
 *
 * <p>Changes are made with mmap_lock held exclusively.
 */
final class VmaTree {
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private volatile Vma[] sorted = {};

  VmaTree(AddressSpace space) {
    this.space = space;
  }

  List<Vma> all() {
    return Arrays.asList(sorted);
  }

  private static int indexFrom(Vma[] all, long addr) {
    int lo = 0;
    int hi = all.length;
    while (lo < hi) {
      int mid = (lo + hi) >>> 1;
      if (all[mid].end() <= addr) {
        lo = mid + 1;
      } else {
        hi = mid;
      }
    }
    return lo;
  }

  /** Returns the mapping at an address, or null. */
  @Nullable Vma find(long addr) {
    Vma[] all = sorted;
    int i = indexFrom(all, addr);
    return i < all.length && all[i].start() <= addr ? all[i] : null;
  }

  /** Returns the mappings that have a part in [from, to). */
  List<Vma> overlapping(long from, long to) {
    Vma[] all = sorted;
    List<Vma> found = new ArrayList<>();
    for (int i = indexFrom(all, from); i < all.length && all[i].start() < to; i++) {
      found.add(all[i]);
    }
    return found;
  }

  /** Returns where the mapping before an address ends; 0 if there is none. */
  long endBefore(long addr) {
    Vma[] all = sorted;
    int i = indexFrom(all, addr);
    return i == 0 ? 0 : all[i - 1].end();
  }

  /** Returns where the first mapping at or behind an address starts. */
  long startFrom(long addr, long otherwise) {
    Vma[] all = sorted;
    int i = indexFrom(all, addr);
    return i < all.length ? Math.max(addr, all[i].start()) : otherwise;
  }

  /** Returns the first place at or above {@code from} that is free for {@code size} bytes. */
  long free(long from, long size, long align, long top) {
    long at = (from + align - 1) & -align;
    Vma[] all = sorted;
    for (int i = indexFrom(all, at); i < all.length && all[i].start() < at + size; i++) {
      at = (all[i].end() + align - 1) & -align;
      if (at < 0 || at > top - size) {
        break;
      }
    }
    return at;
  }

  /** Puts pieces in the place of others; both in order and next to each other. */
  private void replace(List<Vma> old, List<Vma> now) {
    Vma[] all = sorted;
    int at = old.isEmpty() ? indexFrom(all, now.getFirst().start()) : indexOf(all, old.getFirst());
    Vma[] next = new Vma[all.length - old.size() + now.size()];
    System.arraycopy(all, 0, next, 0, at);
    for (int i = 0; i < now.size(); i++) {
      next[at + i] = now.get(i);
    }
    System.arraycopy(all, at + old.size(), next, at + now.size(), all.length - at - old.size());
    for (Vma v : now) {
      MappableFile f = v.file();
      if (f != null) {
        f.mapped(space);
      }
    }
    sorted = next;
    for (Vma v : old) {
      MappableFile f = v.file();
      if (f != null) {
        f.unmapped(space);
      }
    }
  }

  private static int indexOf(Vma[] all, Vma v) {
    int i = indexFrom(all, v.start());
    if (all[i] != v) {
      throw new IllegalStateException("the mapping is not one of this process");
    }
    return i;
  }

  /** Adds a mapping where nothing is, joined with what fits on either side. */
  Vma insert(Vma v) {
    return insert(v, null);
  }

  /** As {@link #insert(Vma)}, but never joined with one that is to be told apart from it. */
  Vma insert(Vma v, @Nullable Vma apart) {
    replace(List.of(), List.of(v));
    return join(v, apart);
  }

  /** Removes a mapping. */
  void remove(Vma v) {
    replace(List.of(v), List.of());
  }

  /** Makes a mapping longer or shorter at its end, or gives it other flags. */
  Vma change(Vma old, Vma now) {
    replace(List.of(old), List.of(now));
    return now;
  }

  /**
   * Cuts a mapping in two; what a cut does to the block around it is told and done first
   * (split_huge_pmd_if_needed). Returns the part from {@code at} on.
   */
  Vma cut(Vma v, long at) {
    long block = at & -BLOCK;
    if (at != block
        && v.contains(block, block + BLOCK)
        && space.tables().hasUpper(at >>> PageLevel.PAGE_SHIFT)) {
      space.splitBlock(at >>> 21);
    }
    Vma behind = v.part(at, v.end(), v.flags());
    replace(List.of(v), List.of(v.part(v.start(), at, v.flags()), behind));
    return behind;
  }

  /** Cuts so that [from, to) of a mapping is one by itself; returns it. */
  Vma isolate(Vma v, long from, long to) {
    Vma part = from > v.start() ? cut(v, from) : v;
    if (to < part.end()) {
      var _ = cut(part, to);
      Vma first = find(from);
      if (first == null) {
        throw new IllegalStateException("a cut lost a mapping");
      }
      return first;
    }
    return part;
  }

  /**
   * Gives [from, to) of a mapping other flags, cutting and joining as needed (vma_modify_flags).
   */
  Vma modify(Vma v, long from, long to, int flags) {
    if (v.flags() == flags) {
      return v;
    }
    Vma part = isolate(v, from, to);
    return join(change(part, part.part(from, to, flags)));
  }

  /** Joins a mapping with its neighbours where they fit together. */
  Vma join(Vma v) {
    return join(v, null);
  }

  private Vma join(Vma v, @Nullable Vma apart) {
    Vma[] all = sorted;
    int i = indexOf(all, v);
    Vma joined = v;
    if (i + 1 < all.length && all[i + 1] != apart && v.joins(all[i + 1])) {
      joined = merge(v, all[i + 1]);
    }
    if (i > 0 && all[i - 1] != apart && all[i - 1].joins(joined)) {
      joined = merge(all[i - 1], joined);
    }
    return joined;
  }

  private Vma merge(Vma a, Vma b) {
    long anon = a.anonVma != 0 ? a.anonVma : b.anonVma;
    Vma both = new Vma(a.start(), b.end(), a.flags(), a.file(), a.firstPage(), anon);
    replace(List.of(a, b), List.of(both));
    return both;
  }

  /** Returns the anon_vma of a neighbour that a mapping can share (find_mergeable_anon_vma). */
  long neighbourAnonVma(Vma v) {
    Vma[] all = sorted;
    int i = indexFrom(all, v.start());
    if (i + 1 < all.length && all[i + 1].anonVma != 0 && v.sharesAnonVma(all[i + 1])) {
      return all[i + 1].anonVma;
    }
    return i > 0 && all[i - 1].anonVma != 0 && all[i - 1].sharesAnonVma(v) ? all[i - 1].anonVma : 0;
  }
}
