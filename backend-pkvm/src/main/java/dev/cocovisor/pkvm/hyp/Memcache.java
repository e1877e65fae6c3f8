package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.PageLevel;
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

  /** Byte addresses, as the list has them. */
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
    pushAddress(pfn << PageLevel.PAGE_SHIFT);
  }

  /** Adds a page by an address, which a host may make point inside it. */
  public void pushAddress(long address) {
    if (count == pages.length) {
      pages = Arrays.copyOf(pages, count * 2);
    }
    pages[count++] = address;
  }

  /** Names the pages, the last one added first. */
  void forEach(LongConsumer each) {
    for (int i = count - 1; i >= 0; i--) {
      each.accept(pages[i] >>> PageLevel.PAGE_SHIFT);
    }
  }

  /** Takes the page added last, or {@link #EMPTY}. */
  public long pop() {
    long address = popAddress();
    return address == EMPTY ? EMPTY : address >>> PageLevel.PAGE_SHIFT;
  }

  /** As {@link #pop}, with the address as it stands there. */
  long popAddress() {
    return count == 0 ? EMPTY : pages[--count];
  }
}
