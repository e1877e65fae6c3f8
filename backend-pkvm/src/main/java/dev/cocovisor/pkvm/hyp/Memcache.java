package dev.cocovisor.pkvm.hyp;

import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * A stack of free pages passed between host and EL2 ({@code struct kvm_hyp_memcache}).
 *
 * <p>The host fills its own from its allocator; EL2 admits the pages one by one, each by a
 * donation. At teardown EL2 fills one for the host to free. Not thread-safe: it belongs to one vCPU
 * or VM. Source: {@code asm/kvm_host.h}, {@code nvhe/mm.c}, refill_memcache.
 */
public final class Memcache {
  /** Returned by {@link #pop} when nothing is left. */
  public static final long EMPTY = -1;

  private long[] pages = new long[8];
  private int count;

  /** Creates an empty cache. */
  public Memcache() {}

  /** Returns the number of pages. */
  public int size() {
    return count;
  }

  /** Adds a page. */
  public void push(long pfn) {
    if (count == pages.length) {
      pages = Arrays.copyOf(pages, count * 2);
    }
    pages[count++] = pfn;
  }

  /** Names the pages, the last one added first. */
  void forEach(LongConsumer each) {
    for (int i = count - 1; i >= 0; i--) {
      each.accept(pages[i]);
    }
  }

  /** Takes the page added last, or {@link #EMPTY}. */
  public long pop() {
    return count == 0 ? EMPTY : pages[--count];
  }
}
