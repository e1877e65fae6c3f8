package dev.cocovisor.cca.rmm.granule;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.view.TableSink;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The RMM's record of every granule it tracks: state, reference count, lock and, for a descriptor,
 * a REC or a table, the object that stands for its content.
 *
 * <p>A granule is named by its index, {@code (address - base) / 4096}, so that the hot path touches
 * only primitive arrays. They come in chunks of 2 MiB of memory made at first use: memory that was
 * never delegated costs nothing. A lock is made when its granule is first locked and kept.
 *
 * <p>Lock order, from TF-RMM's design notes: granules named by the host in ascending address (NS,
 * DELEGATED, RD, REC), then tables from the root down, then DATA and REC_AUX found through them.
 * States change only under the granule's lock; counts of descriptors and RECs also without it, so
 * they are atomic. Reading a state without the lock is a glance, as TF-RMM's {@code
 * granule_unlocked_state} is.
 */
public final class GranuleTable implements ModelLock.Things {
  /** Returned where an address names no granule of the asked kind. */
  public static final int NONE = -1;

  /** Told before the state or count of a granule changes. */
  @FunctionalInterface
  public interface Observer {
    /** Called with the granule's address while its old values can still be read. */
    void changing(long address);
  }

  private static final int SHIFT = 9;
  private static final int SIZE = 1 << SHIFT;
  private static final int MASK = SIZE - 1;
  private static final VarHandle CHUNK = MethodHandles.arrayElementVarHandle(Chunk[].class);
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(short[].class);
  private static final int COUNT_BITS = 10;
  private static final int COUNT_MASK = (1 << COUNT_BITS) - 1;
  private static final int STATE_MASK = 0x1f;
  private static final VarHandle LOCK = MethodHandles.arrayElementVarHandle(ModelLock[].class);

  private static final class Chunk {
    /** State in bits 14:10, count in bits 9:0, as TF-RMM's granule descriptor has them. */
    final short[] word = new short[SIZE];

    final @Nullable ModelLock[] lock = new @Nullable ModelLock[SIZE];
    volatile @Nullable Object @Nullable [] role;
  }

  private final long base;
  private final int granules;
  private final AtomicInteger used = new AtomicInteger();
  private final @Nullable Chunk[] chunks;
  private @Nullable Observer observer;

  /**
   * Tracks {@code [base, end)}; both multiples of 4096.
   *
   * @throws IllegalArgumentException if the range is empty, unaligned or of 8 TiB or more
   */
  public GranuleTable(long base, long end) {
    long n = (end - base) >>> PageLevel.PAGE_SHIFT;
    if (base < 0 || end <= base || ((base | end) & 0xfff) != 0 || n > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("cannot track this range of memory");
    }
    this.base = base;
    this.granules = (int) n;
    this.chunks = new @Nullable Chunk[(int) ((n + MASK) >>> SHIFT)];
  }

  /** Returns the first tracked address. */
  public long base() {
    return base;
  }

  /** Returns the end of tracked memory. */
  public long end() {
    return base + ((long) granules << PageLevel.PAGE_SHIFT);
  }

  /** Installs or removes (null) the one observer, for logs and tests. */
  public void observe(@Nullable Observer o) {
    observer = o;
  }

  /** Returns the state of the granule at an address; NS where nothing is tracked. */
  public GranuleState stateAt(long address) {
    int g = find(address & ~0xfffL);
    return g == NONE ? GranuleState.NS : GranuleState.of(state(g));
  }

  /** Returns the reference count of the granule at an address; 0 where nothing is tracked. */
  public int countAt(long address) {
    int g = find(address & ~0xfffL);
    return g == NONE ? 0 : count(g);
  }

  /** Tells whether somebody holds the lock of the granule at an address; for inspection. */
  public boolean isLockedAt(long address) {
    int g = find(address);
    Chunk c = g == NONE ? null : chunks[g >>> SHIFT];
    ModelLock l = c == null ? null : c.lock[g & MASK];
    return l != null && l.owner() != null;
  }

  /** Returns the first tracked address at or above {@code from} that is not NS, or -1. */
  public long nextInUse(long from) {
    long start = Math.max(from, base);
    long end = Math.min(granules, (long) used.get() << SHIFT);
    for (long g = (start - base + 0xfff) >>> PageLevel.PAGE_SHIFT; g < end; g++) {
      Chunk c = chunks[(int) g >>> SHIFT];
      if (c == null) {
        g |= MASK;
      } else if (c.word[(int) g & MASK] >>> COUNT_BITS != GranuleState.S_NS) {
        return base + (g << PageLevel.PAGE_SHIFT);
      }
    }
    return -1;
  }

  /** Shows every granule that is not NS, in ascending order. */
  public void show(TableSink.Entries into) {
    for (long a = nextInUse(0); a >= 0; a = nextInUse(a + PageLevel.PAGE_SIZE)) {
      GranuleState state = stateAt(a);
      into.entry(a >>> PageLevel.PAGE_SHIFT, 0, TableSink.NOWHERE, state.kind(), state.name());
    }
  }

  public int find(long address) {
    long offset = address - base;
    if ((offset & 0xfff) != 0 || offset < 0 || offset >>> PageLevel.PAGE_SHIFT >= granules) {
      return NONE;
    }
    return (int) (offset >>> PageLevel.PAGE_SHIFT);
  }

  public long address(int g) {
    return base + ((long) g << PageLevel.PAGE_SHIFT);
  }

  public byte state(int g) {
    Chunk c = chunks[g >>> SHIFT];
    return c == null
        ? GranuleState.S_NS
        : (byte) ((short) WORD.getVolatile(c.word, g & MASK) >>> COUNT_BITS & STATE_MASK);
  }

  public void setState(int g, byte state) {
    if (observer != null) {
      observer.changing(address(g));
    }
    short[] words = chunk(g).word;
    int i = g & MASK;
    // Nobody counts a granule whose state changes, so a plain store of both is enough.
    WORD.setVolatile(words, i, (short) ((state << COUNT_BITS) | (words[i] & COUNT_MASK)));
  }

  public int count(int g) {
    Chunk c = chunks[g >>> SHIFT];
    return c == null ? 0 : (short) WORD.getVolatile(c.word, g & MASK) & COUNT_MASK;
  }

  /** Changes a count that only holders of the granule's lock touch. */
  public void add(int g, int delta) {
    if (observer != null) {
      observer.changing(address(g));
    }
    chunk(g).word[g & MASK] += (short) delta;
  }

  /** Changes a count that is also touched without the lock. */
  public void addAtomic(int g, int delta) {
    if (observer != null) {
      observer.changing(address(g));
    }
    short _ = (short) WORD.getAndAdd(chunk(g).word, g & MASK, (short) delta);
  }

  /** Returns what stands for the granule's content: a Realm, a Rec or a table's entries. */
  public @Nullable Object role(int g) {
    Chunk c = chunks[g >>> SHIFT];
    @Nullable Object[] roles = c == null ? null : c.role;
    return roles == null ? null : roles[g & MASK];
  }

  public void setRole(int g, @Nullable Object role) {
    Chunk c = chunk(g);
    @Nullable Object[] roles = c.role;
    if (roles == null) {
      roles = new @Nullable Object[SIZE];
      c.role = roles;
    }
    roles[g & MASK] = role;
  }

  /** Returns the entries of a table. */
  public long[] table(int g) {
    if (role(g) instanceof long[] entries) {
      return entries;
    }
    throw new IllegalStateException("granule is not a table");
  }

  public void lock(int g) {
    lockOf(g).lock();
  }

  public void unlock(int g) {
    lockOf(g).unlock();
  }

  /** Changes the state and gives up the lock. */
  public void unlockTransition(int g, byte state) {
    setState(g, state);
    unlock(g);
  }

  /** Locks the granule at an address if it is in a state; else returns {@link #NONE}. */
  public int findLock(long address, byte expected) {
    int g = find(address);
    if (g == NONE) {
      return NONE;
    }
    lock(g);
    if (state(g) != expected) {
      unlock(g);
      return NONE;
    }
    return g;
  }

  /**
   * Locks two distinct granules in ascending address, if both are in their states.
   *
   * @return true with both locked, or false with none
   */
  // TF-RMM lib/granule/src/granule.c, find_lock_two_granules.
  public boolean findLockTwo(long a, byte stateOfA, long b, byte stateOfB) {
    if (a == b) {
      return false;
    }
    boolean ordered = Long.compareUnsigned(a, b) < 0;
    int first = ordered ? findLock(a, stateOfA) : findLock(b, stateOfB);
    if (first == NONE) {
      return false;
    }
    int second = ordered ? findLock(b, stateOfB) : findLock(a, stateOfA);
    if (second == NONE) {
      unlock(first);
      return false;
    }
    return true;
  }

  @Override
  public String placeName(long g) {
    return "granule 0x" + Long.toHexString(address((int) g));
  }

  @Override
  public Object kindOf(long g) {
    return GranuleState.of(state((int) g));
  }

  private Chunk chunk(int g) {
    Chunk c = chunks[g >>> SHIFT];
    return c != null ? c : newChunk(g >>> SHIFT);
  }

  private Chunk newChunk(int i) {
    Chunk fresh = new Chunk();
    Chunk there = (Chunk) CHUNK.compareAndExchange(chunks, i, (Chunk) null, fresh);
    var _ = used.accumulateAndGet(i + 1, Math::max);
    return there == null ? fresh : there;
  }

  private ModelLock lockOf(int g) {
    Chunk c = chunk(g);
    ModelLock l = c.lock[g & MASK];
    return l != null ? l : newLock(c, g);
  }

  private ModelLock newLock(Chunk c, int g) {
    var fresh = new ModelLock(this, g);
    ModelLock there =
        (ModelLock) LOCK.compareAndExchange(c.lock, g & MASK, (ModelLock) null, fresh);
    return there == null ? fresh : there;
  }
}
