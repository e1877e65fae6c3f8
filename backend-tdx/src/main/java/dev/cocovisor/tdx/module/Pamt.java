package dev.cocovisor.tdx.module;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The physical address metadata table of one TDMR: an entry per 1 GiB, 2 MiB and 4 KiB page.
 *
 * <p>A page in use at a size has its entry there and no assigned entry at the other sizes. An entry
 * is two words, as the hardware's 16 bytes: lock 15:0, type 23:16, owner frame 63:24; BEPOCH. The 4
 * KiB entries come in blocks of 512 made on first use, so an unused 2 MiB costs 24 bytes and a used
 * 4 KiB page 16. Freeing an entry keeps its owner and BEPOCH, as the module does.
 *
 * <p>The lock of an entry is shared by many or exclusive to one and only ever tried. Its
 * host-priority flag has no effect here, since no guest call of the model takes a PAMT lock.
 *
 * <p>An entry is addressed by size (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB) and HPA. Source: TDX module
 * 1.5.01, {@code pamt_manager.c}.
 */
public final class Pamt {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle BLOCK = MethodHandles.arrayElementVarHandle(Block[].class);
  private static final VarHandle PART = MethodHandles.arrayElementVarHandle(Giga[].class);
  private static final VarHandle USED;

  static {
    try {
      USED = MethodHandles.lookup().findVarHandle(Block.class, "used", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final long EXCLUSIVE = 1;
  private static final long SHARED_ONE = 2;
  private static final long LOCK_MASK = 0x7fff;

  /** The 512 entries of 4 KiB below one of 2 MiB. */
  private static final class Block {
    final long[] words = new long[1024];
    @Nullable Object @Nullable [] control;
    volatile int used;
  }

  /** What lies below an entry of 1 GiB: 512 entries of 2 MiB and their blocks. */
  private static final class Giga {
    final long[] megas = new long[1024];
    final @Nullable Block[] blocks = new Block[512];
  }

  private final long base;
  private final long end;
  private final long[] gigas;
  private final @Nullable Giga[] parts;

  /** Creates an all-free table; both bounds are multiples of 1 GiB. */
  public Pamt(long base, long end) {
    if ((base | end) << 34 != 0 || end <= base) {
      throw new IllegalArgumentException("a TDMR is a range of whole 1 GiB pages");
    }
    this.base = base;
    this.end = end;
    int n = (int) ((end - base) >>> 30);
    this.gigas = new long[n * 2];
    this.parts = new Giga[n];
  }

  /** Returns the first address covered. */
  public long base() {
    return base;
  }

  /** Returns the address after the last one covered. */
  public long end() {
    return end;
  }

  /** Tells whether the table covers an address. */
  public boolean covers(long hpa) {
    return hpa >= base && hpa < end;
  }

  private @Nullable Giga partIfAny(long hpa) {
    return (Giga) PART.getVolatile(parts, (int) ((hpa - base) >>> 30));
  }

  private Giga part(long hpa) {
    Giga g = partIfAny(hpa);
    if (g == null) {
      g = new Giga();
      Giga other =
          (Giga) PART.compareAndExchange(parts, (int) ((hpa - base) >>> 30), (Giga) null, g);
      if (other != null) {
        g = other;
      }
    }
    return g;
  }

  private Block block(long hpa) {
    @Nullable Block[] blocks = part(hpa).blocks;
    int i = (int) (hpa >>> 21) & 511;
    Block b = (Block) BLOCK.getVolatile(blocks, i);
    if (b == null) {
      b = new Block();
      Block other = (Block) BLOCK.compareAndExchange(blocks, i, (Block) null, b);
      if (other != null) {
        b = other;
      }
    }
    return b;
  }

  private @Nullable Block blockIfAny(long hpa) {
    Giga g = partIfAny(hpa);
    return g == null ? null : (Block) BLOCK.getVolatile(g.blocks, (int) (hpa >>> 21) & 511);
  }

  private long @Nullable [] wordsIfAny(int size, long hpa) {
    if (size == 0) {
      Block b = blockIfAny(hpa);
      return b == null ? null : b.words;
    }
    if (size == 1) {
      Giga g = partIfAny(hpa);
      return g == null ? null : g.megas;
    }
    return gigas;
  }

  private long[] words(int size, long hpa) {
    return size == 0 ? block(hpa).words : size == 1 ? part(hpa).megas : gigas;
  }

  private int index(int size, long hpa) {
    return switch (size) {
      case 0 -> ((int) (hpa >>> 12) & 511) << 1;
      case 1 -> ((int) (hpa >>> 21) & 511) << 1;
      default -> (int) ((hpa - base) >>> 30) << 1;
    };
  }

  private long word(int size, long hpa) {
    long[] w = wordsIfAny(size, hpa);
    return w == null ? 0 : (long) WORD.getVolatile(w, index(size, hpa));
  }

  /** Returns the page type of an entry. */
  public int type(int size, long hpa) {
    return (int) (word(size, hpa) >>> 16) & 0xff;
  }

  /** Returns the owner's TDR address; a free entry keeps its last owner. */
  public long owner(int size, long hpa) {
    return word(size, hpa) >>> 24 << 12;
  }

  /** Returns the TD epoch at which the page was last blocked. */
  public long bepoch(int size, long hpa) {
    long[] w = wordsIfAny(size, hpa);
    return w == null ? 0 : w[index(size, hpa) + 1];
  }

  /** Returns the size at which an address is in use, or 0 if it is free. */
  public int sizeOf(long hpa) {
    if (type(2, hpa) != PageType.NDA) {
      return 2;
    }
    return type(1, hpa) != PageType.NDA ? 1 : 0;
  }

  /** Returns how many of the 512 entries of 4 KiB around an address are in use. */
  public int used4k(long hpa) {
    Block b = blockIfAny(hpa);
    return b == null ? 0 : b.used;
  }

  void setBepoch(int size, long hpa, long epoch) {
    words(size, hpa)[index(size, hpa) + 1] = epoch;
  }

  /** Assigns an entry whose lock is held. */
  void assign(int size, long hpa, int type, long owner) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if (WORD.compareAndSet(w, i, old, (old & 0xffff) | (long) type << 16 | owner >>> 12 << 24)) {
        if (size == 0 && (old >>> 16 & 0xff) == PageType.NDA) {
          USED.getAndAdd(block(hpa), 1);
        }
        return;
      }
    }
  }

  /** Frees an entry whose lock is held; owner and BEPOCH stay. */
  void release(int size, long hpa) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if (WORD.compareAndSet(w, i, old, old & ~0xff0000L)) {
        if (size == 0) {
          Block b = block(hpa);
          USED.getAndAdd(b, -1);
          if (b.control != null) {
            b.control[i >> 1] = null;
          }
        }
        return;
      }
    }
  }

  /** Hangs the model's object of a control page (TD or vCPU) on its entry. */
  void setControl(long hpa, Object object) {
    Block b = block(hpa);
    if (b.control == null) {
      b.control = new @Nullable Object[512];
    }
    b.control[(int) (hpa >>> 12 & 511)] = object;
  }

  @Nullable Object control(long hpa) {
    Block b = covers(hpa) ? blockIfAny(hpa) : null;
    return b == null || b.control == null ? null : b.control[(int) (hpa >>> 12 & 511)];
  }

  boolean tryLock(int size, long hpa, boolean exclusive) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if ((old & (exclusive ? LOCK_MASK : EXCLUSIVE)) != 0) {
        return false;
      }
      if (WORD.compareAndSet(w, i, old, old + (exclusive ? EXCLUSIVE : SHARED_ONE))) {
        return true;
      }
    }
  }

  /** Turns the only shared hold into an exclusive one. */
  boolean tryUpgrade(int size, long hpa) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if ((old & LOCK_MASK) != SHARED_ONE) {
        return false;
      }
      if (WORD.compareAndSet(w, i, old, old - SHARED_ONE + EXCLUSIVE)) {
        return true;
      }
    }
  }

  void unlock(int size, long hpa, boolean exclusive) {
    long held = exclusive ? EXCLUSIVE : SHARED_ONE;
    WORD.getAndAdd(words(size, hpa), index(size, hpa), -held);
  }

  /** Turns a page in use at {@code size} into 512 of the next smaller size. */
  void split(int size, long hpa) {
    long owner = owner(size, hpa);
    int type = type(size, hpa);
    release(size, hpa);
    long step = 4096L << (9 * (size - 1));
    for (int i = 0; i < 512; i++) {
      assign(size - 1, hpa + i * step, type, owner);
      setBepoch(size - 1, hpa + i * step, 0);
    }
  }

  /** Turns 512 pages into one of the next larger size, whose BEPOCH stays what it was. */
  void merge(int size, long hpa, int type, long owner) {
    long step = 4096L << (9 * (size - 1));
    for (int i = 0; i < 512; i++) {
      release(size - 1, hpa + i * step);
    }
    assign(size, hpa, type, owner);
  }
}
