package dev.cocovisor.tdx.module.pamt;

import dev.cocovisor.api.PageLevel;
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
 * KiB entries come in blocks of 512 made on first use, so an unused 2 MiB costs 28 bytes and a used
 * 4 KiB page 16. Freeing an entry keeps its owner and BEPOCH, as the module does.
 *
 * <p>The lock of an entry is shared by many or exclusive to one and only ever tried. Its
 * host-priority flag has no effect here, since no guest call of the model takes a PAMT lock. Every
 * call shares the entries on the path of the pages it names, so those of 1 GiB, those of TDR pages
 * and those of 2 MiB over which two processors met once count their sharers in {@link Sharers}
 * beside the word: whoever shares counts himself and then looks for the exclusive bit, whoever
 * wants the entry alone sets the bit and then looks for sharers, so one of the two sees the other.
 * One may share a page of 4 KiB without its block being made, since PHYMEM.PAGE.WBINVD does so for
 * every page of a huge one that was removed, which would else cost 16 bytes a page; whoever makes
 * the block takes that hold over into the page's word before anybody sees the block. Sharers in the
 * word and beside it may be mixed; each remembers where it counted itself.
 *
 * <p>An entry is addressed by size (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB) and HPA. Source: TDX module
 * 1.5.01, {@code pamt_manager.c}.
 */
public final class Pamt {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle BLOCK = MethodHandles.arrayElementVarHandle(Block[].class);
  private static final VarHandle PART = MethodHandles.arrayElementVarHandle(Giga[].class);
  private static final VarHandle LONE = MethodHandles.arrayElementVarHandle(int[].class);
  private static final VarHandle SHARERS = MethodHandles.arrayElementVarHandle(Sharers[].class);

  /** Outcome of a try: somebody has the entry alone. */
  public static final int BUSY = 0;

  /** Outcome of a try: shared, counted in the entry's word. */
  public static final int IN_WORD = 1;

  /** Outcome of a try: shared, counted beside it. */
  public static final int STRIPED = 2;

  private static final long EXCLUSIVE = 1;
  private static final long SHARED_ONE = 2;

  /** The block is made, or will be in a moment. */
  private static final int MADE = -1;

  private static final long LOCK_MASK = 0x7fff;
  private static final int TYPE_SHIFT = 16;
  private static final long TYPE_MASK = 0xff;

  /** The 512 entries of 4 KiB below one of 2 MiB. */
  private static final class Block {
    final long[] words = new long[1024];
    @Nullable Object @Nullable [] control;
  }

  /** What lies below an entry of 1 GiB: 512 entries of 2 MiB and their blocks. */
  private static final class Giga {
    final long[] megas = new long[1024];
    final @Nullable Block[] blocks = new Block[512];

    /** For each block: one more than the entry that is shared without it, 0, or {@link #MADE}. */
    final int[] lone = new int[512];

    /** Who shares the entry of 1 GiB. */
    final Sharers sharers = new Sharers();

    /** Who shares entries of 2 MiB that two processors met on. */
    final @Nullable Sharers[] megaSharers = new Sharers[512];
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
    Giga g = part(hpa);
    Block b = (Block) BLOCK.getVolatile(g.blocks, mega(hpa));
    return b == null ? make(g, mega(hpa)) : b;
  }

  /** Makes a block; whoever shares an entry of it alone has its hold in the entry's word then. */
  private static Block make(Giga g, int i) {
    while (true) {
      int lone = (int) LONE.getVolatile(g.lone, i);
      if (lone == MADE) {
        Block b = (Block) BLOCK.getVolatile(g.blocks, i);
        if (b != null) {
          return b;
        }
        Thread.onSpinWait();
      } else {
        var b = new Block();
        if (lone != 0) {
          b.words[(lone - 1) << 1] = SHARED_ONE;
        }
        if (LONE.compareAndSet(g.lone, i, lone, MADE)) {
          BLOCK.setVolatile(g.blocks, i, b);
          return b;
        }
      }
    }
  }

  private @Nullable Block blockIfAny(long hpa) {
    Giga g = partIfAny(hpa);
    return g == null ? null : (Block) BLOCK.getVolatile(g.blocks, mega(hpa));
  }

  private static int mega(long hpa) {
    return (int) (hpa >>> 21) & 511;
  }

  private static int loneMark(long hpa) {
    return ((int) (hpa >>> PageLevel.PAGE_SHIFT) & 511) + 1;
  }

  /** Shares an entry of 4 KiB of a block that is not made, if nobody shares one of it. */
  private boolean shareAlone(long hpa) {
    return LONE.compareAndSet(part(hpa).lone, mega(hpa), 0, loneMark(hpa));
  }

  /** Gives such a hold up; false if it is in the word of the block that was made since. */
  private boolean unshareAlone(long hpa) {
    return LONE.compareAndSet(part(hpa).lone, mega(hpa), loneMark(hpa), 0);
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
      case 0 -> ((int) (hpa >>> PageLevel.PAGE_SHIFT) & 511) << 1;
      case 1 -> mega(hpa) << 1;
      default -> (int) ((hpa - base) >>> 30) << 1;
    };
  }

  private long word(int size, long hpa) {
    long[] w = wordsIfAny(size, hpa);
    return w == null ? 0 : (long) WORD.getVolatile(w, index(size, hpa));
  }

  /** Returns the page type of an entry. */
  public int type(int size, long hpa) {
    return (int) (word(size, hpa) >>> TYPE_SHIFT & TYPE_MASK);
  }

  /** Returns the owner's TDR address; a free entry keeps its last owner. */
  public long owner(int size, long hpa) {
    return word(size, hpa) >>> 24 << PageLevel.PAGE_SHIFT;
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
    int used = 0;
    for (int i = 0; b != null && i < 512; i++) {
      long word = (long) WORD.getVolatile(b.words, i << 1);
      used += (word >>> TYPE_SHIFT & TYPE_MASK) != PageType.NDA ? 1 : 0;
    }
    return used;
  }

  /** Sees an entry in use: its size, address, type and owner's TDR address. */
  @FunctionalInterface
  public interface Visitor {
    /** Sees one entry. */
    void entry(int size, long hpa, int type, long owner);
  }

  /** Visits every entry in use, by ascending address. Costs time proportional to what was ever. */
  public void forEachUsed(Visitor visitor) {
    for (long hpa = base; hpa < end; hpa += 1L << 30) {
      if (!visited(2, hpa, visitor) && partIfAny(hpa) != null) {
        for (long mega = hpa; mega < hpa + (1L << 30); mega += 1L << 21) {
          boolean pages = !visited(1, mega, visitor) && blockIfAny(mega) != null;
          for (long page = mega; pages && page < mega + (1L << 21); page += 1L << 12) {
            var _ = visited(0, page, visitor);
          }
        }
      }
    }
  }

  private boolean visited(int size, long hpa, Visitor visitor) {
    int type = type(size, hpa);
    if (type != PageType.NDA) {
      visitor.entry(size, hpa, type, owner(size, hpa));
    }
    return type != PageType.NDA;
  }

  /** Sets the TD epoch at which a page was last blocked. */
  public void setBepoch(int size, long hpa, long epoch) {
    words(size, hpa)[index(size, hpa) + 1] = epoch;
  }

  /** Assigns an entry whose lock is held. */
  public void assign(int size, long hpa, int type, long owner) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if (WORD.compareAndSet(
          w,
          i,
          old,
          (old & 0xffff) | (long) type << TYPE_SHIFT | owner >>> PageLevel.PAGE_SHIFT << 24)) {
        return;
      }
    }
  }

  /** Frees an entry whose lock is held; owner and BEPOCH stay. */
  public void release(int size, long hpa) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if (WORD.compareAndSet(w, i, old, old & ~(TYPE_MASK << TYPE_SHIFT))) {
        if (size == 0) {
          Block b = block(hpa);
          if (b.control != null) {
            b.control[i >> 1] = null;
          }
        }
        return;
      }
    }
  }

  /** Hangs the model's object of a control page (TD or vCPU) on its entry. */
  public void setControl(long hpa, Object object) {
    Block b = block(hpa);
    if (b.control == null) {
      b.control = new @Nullable Object[512];
    }
    b.control[(int) (hpa >>> PageLevel.PAGE_SHIFT & 511)] = object;
  }

  /** Returns the model's object of a control page, or null. */
  public @Nullable Object control(long hpa) {
    Block b = covers(hpa) ? blockIfAny(hpa) : null;
    return b == null || b.control == null
        ? null
        : b.control[(int) (hpa >>> PageLevel.PAGE_SHIFT & 511)];
  }

  private @Nullable Sharers sharers(int size, long hpa) {
    if (size == 0) {
      return control(hpa) instanceof SharedPage page ? page.sharers() : null;
    }
    Giga part = part(hpa);
    if (size == 2) {
      return part.sharers;
    }
    return (Sharers) SHARERS.getVolatile(part.megaSharers, mega(hpa));
  }

  /** Tries to share an entry; {@link #BUSY}, {@link #IN_WORD} or {@link #STRIPED}. */
  public int tryLockShared(int size, long hpa, int group) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    if (size == 0 && blockIfAny(hpa) == null && shareAlone(hpa)) {
      return STRIPED;
    }
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    Sharers sharers = sharers(size, hpa);
    while (sharers == null) {
      long old = (long) WORD.getVolatile(w, i);
      if ((old & EXCLUSIVE) != 0) {
        return BUSY;
      }
      if (WORD.compareAndSet(w, i, old, old + SHARED_ONE)) {
        return IN_WORD;
      }
      if (size == 1) {
        // Somebody else is here: from now on they do not share a cache line.
        SHARERS.compareAndSet(part(hpa).megaSharers, mega(hpa), (Sharers) null, new Sharers());
        sharers = sharers(size, hpa);
      }
    }
    sharers.add(group, 1);
    if (((long) WORD.getVolatile(w, i) & EXCLUSIVE) == 0) {
      return STRIPED;
    }
    sharers.add(group, -1);
    return BUSY;
  }

  /** Tries to have an entry alone. */
  public boolean tryLock(int size, long hpa) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    if (!tryExclusive(size, hpa, 0)) {
      return false;
    }
    Sharers sharers = sharers(size, hpa);
    if (sharers == null || sharers.none()) {
      return true;
    }
    unlock(size, hpa);
    return false;
  }

  /** Sets the exclusive bit if the word's lock bits are as given, which they are no more then. */
  private boolean tryExclusive(int size, long hpa, long lockBits) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if ((old & LOCK_MASK) != lockBits) {
        return false;
      }
      if (WORD.compareAndSet(w, i, old, old - lockBits + EXCLUSIVE)) {
        return true;
      }
    }
  }

  /** Turns the only shared hold of a large entry, counted as told, into an exclusive one. */
  public boolean tryUpgrade(int size, long hpa, boolean striped, int group) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    if (!tryExclusive(size, hpa, striped ? 0 : SHARED_ONE)) {
      return false;
    }
    Sharers sharers = sharers(size, hpa);
    if (sharers == null || (striped ? sharers.onlyOneIn(group) : sharers.none())) {
      if (striped && sharers != null) {
        sharers.add(group, -1);
      }
      return true;
    }
    WORD.getAndAdd(words(size, hpa), index(size, hpa), (striped ? 0 : SHARED_ONE) - EXCLUSIVE);
    return false;
  }

  /** Gives up an exclusive hold. */
  public void unlock(int size, long hpa) {
    WORD.getAndAdd(words(size, hpa), index(size, hpa), -EXCLUSIVE);
  }

  /** Gives up a shared hold, counted as told. */
  public void unlockShared(int size, long hpa, boolean striped, int group) {
    Sharers sharers = striped ? sharers(size, hpa) : null;
    if (sharers != null) {
      sharers.add(group, -1);
    } else if (!striped || !unshareAlone(hpa)) {
      WORD.getAndAdd(words(size, hpa), index(size, hpa), -SHARED_ONE);
    }
  }

  /** Turns a page in use at {@code size} into 512 of the next smaller size. */
  public void split(int size, long hpa) {
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
  public void merge(int size, long hpa, int type, long owner) {
    long step = 4096L << (9 * (size - 1));
    for (int i = 0; i < 512; i++) {
      release(size - 1, hpa + i * step);
    }
    assign(size, hpa, type, owner);
  }
}
