package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.TreeMap;

/**
 * A second stage in its simplest form: it remembers which frame it found at a page, drops what a
 * notifier names, and must never hold a frame that the process has no longer there.
 */
final class NaiveGuest implements MmuNotifier {
  private record Leaf(long frame, boolean writable) {}

  private final AddressSpace space;
  private final TreeMap<Long, Leaf> leaves = new TreeMap<>();
  private int depth;

  NaiveGuest(AddressSpace space) {
    this.space = space;
    space.register(this);
  }

  /** Faults a page in as KVM does; false where there is none. */
  boolean touch(long page, boolean write) {
    long e = space.fault(page << 12, write);
    if (e < 0) {
      return false;
    }
    leaves.put(page, new Leaf(AddressSpace.frameOf(e), AddressSpace.isWritable(e)));
    return true;
  }

  @Override
  public void invalidateRangeStart(long start, long end) {
    assertThat(start).isLessThan(end);
    depth++;
    leaves.subMap(start >>> 12, (end + 4095) >>> 12).clear();
  }

  @Override
  public void invalidateRangeEnd(long start, long end) {
    depth--;
  }

  void check(String when) {
    assertThat(depth).as("starts and ends, %s", when).isZero();
    leaves.forEach((page, leaf) -> {
      long e = space.peek(page << 12);
      assertThat(e).as("a stale leaf at %x, %s", page, when).isNotZero();
      assertThat(AddressSpace.frameOf(e)).as("frame at %x, %s", page, when).isEqualTo(leaf.frame);
      if (leaf.writable) {
        assertThat(AddressSpace.isWritable(e)).as("stores at %x, %s", page, when).isTrue();
      }
    });
  }
}
