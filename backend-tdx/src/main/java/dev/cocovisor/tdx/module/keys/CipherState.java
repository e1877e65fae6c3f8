package dev.cocovisor.tdx.module.keys;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Which frames hold bytes that only a TD's key can read, and which were written with a wrong key.
 *
 * <p>A page a TD owns, or owned until WBINVD, is ciphertext to everybody else. A foreign write to
 * an owned page breaks the line's integrity; the TD's next read of it is a machine check, which is
 * the end of the TD. One bit a frame for each, over one TDMR, kept for each 128 MiB that need it.
 */
public final class CipherState {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle PART = MethodHandles.arrayElementVarHandle(long[][].class);

  /** Frames that a part tells of: 128 MiB. */
  private static final int PART_BITS = 15;

  private static final int WORDS = 1 << (PART_BITS - 6);

  /** What a host reads of a page it has no key for: the same bytes for every page. */
  private static final byte[] CIPHERTEXT = new byte[(int) PageLevel.PAGE_SIZE];

  static {
    long x = 0x9e3779b97f4a7c15L;
    for (int i = 0; i < CIPHERTEXT.length; i++) {
      x = x * 6364136223846793005L + 1442695040888963407L;
      CIPHERTEXT[i] = (byte) (x >>> 56);
    }
  }

  private final long baseFrame;

  /** For each 128 MiB the bits of stale frames, then those of poisoned ones. */
  private final long @Nullable [][] parts;

  /** Creates the state of a TDMR; nothing is ciphertext. */
  public CipherState(long base, long end) {
    baseFrame = base >>> PageLevel.PAGE_SHIFT;
    parts = new long[(int) ((end - base) >>> (PageLevel.PAGE_SHIFT + PART_BITS))][];
  }

  private long @Nullable [] partIfAny(long frame) {
    return (long[]) PART.getVolatile(parts, (int) ((frame - baseFrame) >>> PART_BITS));
  }

  private long[] part(long frame) {
    long[] p = partIfAny(frame);
    if (p == null) {
      p = new long[2 * WORDS];
      long[] other =
          (long[])
              PART.compareAndExchange(
                  parts, (int) ((frame - baseFrame) >>> PART_BITS), (long[]) null, p);
      if (other != null) {
        p = other;
      }
    }
    return p;
  }

  private static int word(long frame) {
    return (int) (frame >>> 6) & (WORDS - 1);
  }

  private boolean bit(long frame, int kind) {
    long[] p = partIfAny(frame);
    return p != null && ((long) WORD.getVolatile(p, kind + word(frame)) >>> frame & 1) != 0;
  }

  /** Frames left a TD; until written back their content is still the TD's ciphertext. */
  public void left(long frame, int count) {
    if (count == 1) {
      long[] p = part(frame);
      WORD.getAndBitwiseOr(p, word(frame), 1L << frame);
      WORD.getAndBitwiseAnd(p, WORDS + word(frame), ~(1L << frame));
      return;
    }
    for (long f = frame; f < frame + count; f += 64) {
      long[] p = part(f);
      WORD.setVolatile(p, word(f), -1L);
      WORD.setVolatile(p, WORDS + word(f), 0L);
    }
  }

  /** Tells whether a frame still holds the ciphertext of the TD it left. */
  public boolean isStale(long frame) {
    return bit(frame, 0);
  }

  /**
   * A frame's lines are written back: what the host finds from here on is what the key made of the
   * content, until it writes the frame itself.
   */
  public void writtenBack(long frame, PhysicalMemory memory) {
    if (isStale(frame)) {
      WORD.getAndBitwiseAnd(part(frame), word(frame), ~(1L << frame));
      scramble(frame, memory);
    }
  }

  /** A frame left a TD whose lines were written back already. */
  public void leftClean(long frame, int count, PhysicalMemory memory) {
    for (long f = frame; f < frame + count; f++) {
      WORD.getAndBitwiseAnd(part(f), WORDS + word(f), ~(1L << f));
      scramble(f, memory);
    }
  }

  /** A page of zeros is left alone, so that it goes on costing nothing. */
  private static void scramble(long frame, PhysicalMemory memory) {
    if (!memory.isZero(frame)) {
      memory.write(frame << PageLevel.PAGE_SHIFT, CIPHERTEXT, 0, CIPHERTEXT.length);
    }
  }

  /** Remembers a write with a foreign key. */
  public void poison(long frame) {
    WORD.getAndBitwiseOr(part(frame), WORDS + word(frame), 1L << frame);
  }

  /** Tells whether a frame was written with a foreign key. */
  public boolean isPoisoned(long frame) {
    return bit(frame, WORDS);
  }
}
