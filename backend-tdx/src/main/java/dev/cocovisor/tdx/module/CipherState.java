package dev.cocovisor.tdx.module;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Which frames hold bytes that only a TD's key can read, and which were written with a wrong key.
 *
 * <p>A page a TD owns, or owned until WBINVD, is ciphertext to everybody else. A foreign write to
 * an owned page breaks the line's integrity; the TD's next read of it is a machine check, which is
 * the end of the TD. One bit a frame for each, over one TDMR.
 */
final class CipherState {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  private final long baseFrame;
  private final long[] stale;
  private final long[] poisoned;

  CipherState(long base, long end) {
    baseFrame = base >>> 12;
    int words = (int) ((end - base) >>> 18);
    stale = new long[words];
    poisoned = new long[words];
  }

  private boolean bit(long[] bits, long frame) {
    long i = frame - baseFrame;
    return ((long) WORD.getVolatile(bits, (int) (i >>> 6)) >>> i & 1) != 0;
  }

  /** Frames left a TD; until written back their content is still the TD's ciphertext. */
  void left(long frame, int count) {
    long i = frame - baseFrame;
    int word = (int) (i >>> 6);
    if (count == 1) {
      WORD.getAndBitwiseOr(stale, word, 1L << i);
      WORD.getAndBitwiseAnd(poisoned, word, ~(1L << i));
      return;
    }
    for (int w = word; w < word + count / 64; w++) {
      WORD.setVolatile(stale, w, -1L);
      WORD.setVolatile(poisoned, w, 0L);
    }
  }

  boolean isStale(long frame) {
    return bit(stale, frame);
  }

  /** A frame is the host's again: what the TD had written can no longer be decrypted. */
  void writtenBack(long frame, PhysicalMemory memory) {
    if (bit(stale, frame)) {
      long i = frame - baseFrame;
      WORD.getAndBitwiseAnd(stale, (int) (i >>> 6), ~(1L << i));
      memory.zero(frame, 1);
    }
  }

  void poison(long frame) {
    long i = frame - baseFrame;
    WORD.getAndBitwiseOr(poisoned, (int) (i >>> 6), 1L << i);
  }

  boolean isPoisoned(long frame) {
    return bit(poisoned, frame);
  }
}
