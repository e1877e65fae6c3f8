package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.sched.ModelLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The RMP entries of one 2 MiB region: a word each, and a second word for what few pages have.
 *
 * <p>The first page's word stands alone, so that a region with a 2 MiB entry and nothing else is a
 * word; the others' words appear with the first small entry that is written.
 *
 * <p>The identity word holds gfn (or the firmware's mark) in bits 63:24, ASID in 23:8 and the flags
 * in 7:0, so that a walker sees an entry change at once and never half. Under a 2 MiB entry only
 * the head's word counts; {@link #subAssigned} is the head's sub-page count. Writers hold {@link
 * #lock}; readers hold nothing, as the hardware's walkers do.
 */
final class RmpRegion {
  static final int PAGES = 512;
  static final long ASSIGNED = 1;
  static final long VALIDATED = 1 << 1;
  static final long HUGE = 1 << 2;
  static final long IMMUTABLE = 1 << 3;
  static final long VMSA = 1 << 4;

  /** The firmware put its own mark, not a page address, into the address field. */
  static final long IOMMU_MARK = 1 << 5;

  /** The guest's key has written the page since it was assigned; not architectural. */
  static final long KEYED = 1 << 6;

  /** Bits that RMPUPDATE compares to decide whether the guest's state survives. */
  static final long IDENTITY = ~(VALIDATED | IMMUTABLE | VMSA | KEYED);

  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle HEAD;

  static {
    try {
      HEAD = MethodHandles.lookup().findVarHandle(RmpRegion.class, "head", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final ModelLock lock;

  /** Which page of the region the lock's holder changes; -1 for all of it. */
  volatile int changing;

  /** How many of the pages 1 to 511 are assigned as 4 KiB. */
  int subAssigned;

  /** Read and written through {@link #HEAD} only. */
  @SuppressWarnings("UnusedVariable")
  private long head;

  /** The words of all pages but the first; null while those are zero. */
  private volatile long @Nullable [] words;

  /** VMPL permissions in bits 23:0, the count of running VMRUNs in 31:24; null if all are zero. */
  private volatile int @Nullable [] extras;

  private final long index;

  RmpRegion(long index) {
    this.index = index;
    lock = new ModelLock("rmp region");
  }

  /** Returns the region's first frame. */
  long first() {
    return index * PAGES;
  }

  static long word(long gfn, int asid, long flags) {
    return (gfn << 24) | ((long) asid << 8) | flags;
  }

  /** Returns what a 2 MiB entry says about page {@code p} of it: guest addresses count up. */
  static long part(long head, int p) {
    return asid(head) == 0 ? head : head + ((long) p << 24);
  }

  static long gfn(long word) {
    return word >>> 24;
  }

  static int asid(long word) {
    return (int) (word >>> 8) & 0xffff;
  }

  long get(int page) {
    if (page == 0) {
      return (long) HEAD.getAcquire(this);
    }
    long[] w = words;
    return w == null ? 0 : (long) WORDS.getAcquire(w, page);
  }

  void set(int page, long word) {
    if (page == 0) {
      HEAD.setRelease(this, word);
      return;
    }
    long[] w = words;
    if (w == null) {
      if (word == 0) {
        return;
      }
      words = w = new long[PAGES];
    }
    WORDS.setRelease(w, page, word);
  }

  boolean huge() {
    return (get(0) & HUGE) != 0;
  }

  int perms(int page) {
    int[] e = extras;
    return e == null ? 0 : e[page] & 0xffffff;
  }

  void setPerms(int page, int perms) {
    int[] e = extras;
    if (e == null) {
      if (perms == 0) {
        return;
      }
      extras = e = new int[PAGES];
    }
    e[page] = (e[page] & 0xff000000) | perms;
  }

  boolean running(int page) {
    int[] e = extras;
    return e != null && e[page] >>> 24 != 0;
  }

  boolean anyRunning() {
    int[] e = extras;
    if (e != null) {
      for (int x : e) {
        if (x >>> 24 != 0) {
          return true;
        }
      }
    }
    return false;
  }

  void addRunning(int page, int by) {
    int[] e = extras;
    if (e == null) {
      extras = e = new int[PAGES];
    }
    e[page] += by << 24;
  }
}
