package dev.cocovisor.core.slot;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * An immutable set of slots of one address space, sorted by gfn and by id, with its generation.
 * Look-up by gfn or id is a binary search; a change copies two arrays.
 */
public final class MemSlots {
  private final MemSlot[] byGfn;
  private final MemSlot[] byId;
  private final long generation;

  private MemSlots(MemSlot[] byGfn, MemSlot[] byId, long generation) {
    this.byGfn = byGfn;
    this.byId = byId;
    this.generation = generation;
  }

  /** Returns the empty set of generation {@code generation}. */
  public static MemSlots empty(long generation) {
    return new MemSlots(new MemSlot[0], new MemSlot[0], generation);
  }

  /** Returns the number that tells cached MMIO entries of different sets apart. */
  public long generation() {
    return generation;
  }

  /** Returns the number of slots. */
  public int size() {
    return byGfn.length;
  }

  /** Returns the slot at position {@code i} in gfn order. */
  public MemSlot at(int i) {
    return byGfn[i];
  }

  /** Returns the slot that holds {@code gfn}, or null. */
  public @Nullable MemSlot find(long gfn) {
    int i = firstEndingAfter(gfn);
    return i < byGfn.length && byGfn[i].baseGfn() <= gfn ? byGfn[i] : null;
  }

  /** Returns the position of the first slot that ends behind {@code gfn}. */
  public int firstEndingAfter(long gfn) {
    int lo = 0;
    int hi = byGfn.length;
    while (lo < hi) {
      int mid = (lo + hi) >>> 1;
      if (byGfn[mid].endGfn() <= gfn) {
        lo = mid + 1;
      } else {
        hi = mid;
      }
    }
    return lo;
  }

  /** Returns the slot with this id, or null. */
  public @Nullable MemSlot byId(int id) {
    int i = idIndex(id);
    return i >= 0 ? byId[i] : null;
  }

  /**
   * Returns a slot other than {@code exceptId}'s that overlaps a range, null if none does
   * (kvm_check_memslot_overlap).
   */
  public @Nullable MemSlot overlapping(int exceptId, long startGfn, long endGfn) {
    for (int i = firstEndingAfter(startGfn); i < byGfn.length && byGfn[i].baseGfn() < endGfn; i++) {
      if (byGfn[i].id() != exceptId) {
        return byGfn[i];
      }
    }
    return null;
  }

  /**
   * Returns the next set: without {@code old}, with {@code now}.
   *
   * @param step what the generation grows by, the number of address spaces
   */
  public MemSlots replace(@Nullable MemSlot old, @Nullable MemSlot now, long step) {
    MemSlot[] gfns = byGfn;
    MemSlot[] ids = byId;
    if (old != null) {
      gfns = without(gfns, firstEndingAfter(old.baseGfn()));
      ids = without(ids, idIndex(old.id()));
    }
    if (now != null) {
      gfns = with(gfns, lowerBound(gfns, now.baseGfn(), false), now);
      ids = with(ids, lowerBound(ids, now.id(), true), now);
    }
    return new MemSlots(gfns, ids, generation + step);
  }

  private int idIndex(int id) {
    int i = lowerBound(byId, id, true);
    return i < byId.length && byId[i].id() == id ? i : -1;
  }

  private static int lowerBound(MemSlot[] a, long key, boolean id) {
    int lo = 0;
    int hi = a.length;
    while (lo < hi) {
      int mid = (lo + hi) >>> 1;
      if ((id ? a[mid].id() : a[mid].baseGfn()) < key) {
        lo = mid + 1;
      } else {
        hi = mid;
      }
    }
    return lo;
  }

  private static MemSlot[] without(MemSlot[] a, int i) {
    MemSlot[] r = new MemSlot[a.length - 1];
    System.arraycopy(a, 0, r, 0, i);
    System.arraycopy(a, i + 1, r, i, r.length - i);
    return r;
  }

  private static MemSlot[] with(MemSlot[] a, int i, MemSlot s) {
    MemSlot[] r = Arrays.copyOf(a, a.length + 1);
    System.arraycopy(a, i, r, i + 1, a.length - i);
    r[i] = s;
    return r;
  }
}
