package dev.cocovisor.tdx.module.pamt;

import dev.cocovisor.api.PageLevel;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The physical address metadata table of one TDMR: an entry per 1 GiB, 2 MiB and 4 KiB page.
 *
 * <p>A page in use at a size has its entry there and no assigned entry at the other sizes. An entry
 * is two words, as the hardware's 16 bytes: lock 15:0, type 23:16, owner frame 63:24; BEPOCH. The 4
 * KiB entries come in blocks of 512 made on first use, so an unused 2 MiB costs 28 bytes and a used
 * 4 KiB page 16. Freeing an entry keeps its owner and BEPOCH, as the module does.
 *
 * <p>Who holds an entry is {@link PamtLocks}' matter. One may share a page of 4 KiB without its
 * block being made, since PHYMEM.PAGE.WBINVD does so for every page of a huge one that was removed,
 * which would else cost 16 bytes a page; whoever makes the block takes that hold over into the
 * page's word before anybody sees the block.
 *
 * <p>An entry is addressed by size (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB) and HPA. Source: TDX module
 * 1.5.01, {@code pamt_manager.c}.
 */
public final class Pamt {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle BLOCK = MethodHandles.arrayElementVarHandle(Block[].class);
  private static final VarHandle PART = MethodHandles.arrayElementVarHandle(Giga[].class);
  private static final VarHandle LONE = MethodHandles.arrayElementVarHandle(int[].class);
  private static final VarHandle LISTS;

  static {
    try {
      LISTS = MethodHandles.lookup().findVarHandle(Pamt.class, "lists", long[][].class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final long EXCLUSIVE = 1;
  private static final long SHARED_ONE = 2;
  private static final long LOCK_MASK = 0x7fff;

  /** The block is made, or will be in a moment. */
  private static final int MADE = -1;

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
  }

  private final long base;
  private final long end;
  private final long[] gigas;
  private final @Nullable Giga[] parts;

  /** Every list of shared holds that was ever used here. */
  private volatile long[][] lists = {};

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
  boolean shareAlone(long hpa) {
    return blockIfAny(hpa) == null
        && LONE.compareAndSet(part(hpa).lone, mega(hpa), 0, loneMark(hpa));
  }

  /** Gives such a hold up, which is in the entry's word if the block was made since. */
  void unshareAlone(long hpa) {
    if (!LONE.compareAndSet(part(hpa).lone, mega(hpa), loneMark(hpa), 0)) {
      unshareInWord(hpa);
    }
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

  /** Returns the array that an entry's two words are in, made if need be. */
  private long[] words(int size, long hpa) {
    return size == 0 ? block(hpa).words : size == 1 ? part(hpa).megas : gigas;
  }

  /** Returns where in that array its first word is. */
  private int index(int size, long hpa) {
    return switch (size) {
      case 0 -> ((int) (hpa >>> PageLevel.PAGE_SHIFT) & 511) << 1;
      case 1 -> mega(hpa) << 1;
      default -> (int) ((hpa - base) >>> 30) << 1;
    };
  }

  /** Returns an entry's first word. */
  long word(int size, long hpa) {
    long[] w = wordsIfAny(size, hpa);
    return w == null ? 0 : (long) WORD.getVolatile(w, index(size, hpa));
  }

  /** Returns the page type of an entry. */
  public int type(int size, long hpa) {
    return typeOf(word(size, hpa));
  }

  /** Returns the page type in an entry's first word. */
  static int typeOf(long word) {
    return (int) (word >>> TYPE_SHIFT & TYPE_MASK);
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
      used += typeOf(word) != PageType.NDA ? 1 : 0;
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

  /** Assigns an entry that the caller has alone; nobody else writes its word. */
  public void assign(int size, long hpa, int type, long owner) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    long page = owner >>> PageLevel.PAGE_SHIFT;
    WORD.setRelease(w, i, (w[i] & 0xffff) | (long) type << TYPE_SHIFT | page << 24);
  }

  /** Frees an entry that the caller has alone; owner and BEPOCH stay. */
  public void release(int size, long hpa) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    WORD.setRelease(w, i, w[i] & ~(TYPE_MASK << TYPE_SHIFT));
    if (size == 0) {
      Block b = block(hpa);
      if (b.control != null) {
        b.control[i >> 1] = null;
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

  /** Tells by an entry's word whether its shared holds are in {@link PamtLocks}. */
  static boolean listed(int size, long word) {
    return size > 0 || typeOf(word) == PageType.TDR;
  }

  /** From now on looks through a list of shared holds. */
  void know(long[] list) {
    while (true) {
      long[][] old = lists;
      for (long[] l : old) {
        if (l == list) {
          return;
        }
      }
      long[][] more = Arrays.copyOf(old, old.length + 1);
      more[old.length] = list;
      if (LISTS.compareAndSet(this, old, more)) {
        return;
      }
    }
  }

  /** Returns how many shared holds of an entry are listed; zero is final while it is exclusive. */
  int sharers(long key) {
    int n = 0;
    for (long[] list : lists) {
      n += PamtLocks.timesIn(list, key);
    }
    return n;
  }

  /** Tells whether a word has its exclusive bit. */
  static boolean exclusive(long word) {
    return (word & EXCLUSIVE) != 0;
  }

  /** Sets an entry's exclusive bit if its word counts no hold. */
  boolean setExclusive(int size, long hpa) {
    return changed(words(size, hpa), index(size, hpa), LOCK_MASK, EXCLUSIVE);
  }

  /** Clears the exclusive bit, which the caller has set: nobody else writes the word. */
  void clearExclusive(int size, long hpa) {
    long[] w = words(size, hpa);
    int i = index(size, hpa);
    WORD.setRelease(w, i, w[i] - EXCLUSIVE);
  }

  /** Counts a shared hold of a page of 4 KiB in its word, unless that is exclusive. */
  boolean shareInWord(long hpa) {
    return changed(words(0, hpa), index(0, hpa), EXCLUSIVE, SHARED_ONE);
  }

  /** Takes such a hold back. */
  void unshareInWord(long hpa) {
    WORD.getAndAdd(words(0, hpa), index(0, hpa), -SHARED_ONE);
  }

  private static boolean changed(long[] w, int i, long refused, long added) {
    while (true) {
      long old = (long) WORD.getVolatile(w, i);
      if ((old & refused) != 0) {
        return false;
      }
      if (WORD.compareAndSet(w, i, old, old + added)) {
        return true;
      }
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
