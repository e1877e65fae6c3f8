package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.realm.Context;

/**
 * An address list in the host's memory: descriptors from an 8-byte aligned address on, never beyond
 * its page.
 *
 * @param address of the first descriptor
 * @param count descriptors, cut to what the page holds
 */
public record HostList(long address, int count) {
  private static final int MOST = 512;
  private static final long PAGE_MASK = 0xfff;

  /** Makes a list; a count that reaches beyond the page is silently cut. */
  public static HostList of(long address, long count) {
    long room = (PAGE_MASK + 1 - (address & PAGE_MASK)) / Long.BYTES;
    long cut = Long.compareUnsigned(count, MOST) > 0 ? MOST : count;
    return new HostList(address, (int) Math.min(cut, room));
  }

  /** Tells whether the address is aligned to descriptors. */
  public boolean aligned() {
    return (address & (Long.BYTES - 1)) == 0;
  }

  /** Tells whether the page is memory of the normal world. */
  public boolean readable(Context context) {
    return context.isNormalWorld(address & ~PAGE_MASK);
  }

  /** Reads a descriptor. */
  public long get(Context context, int i) {
    return context.memory().readLong(address + (long) i * Long.BYTES);
  }
}
