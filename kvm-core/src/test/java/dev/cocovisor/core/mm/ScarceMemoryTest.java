package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * A host whose memory is in pieces, or gone: what would be huge is small, and what must be huge is
 * refused. Tests are named after the functions of Linux 7.3's {@code mm/} that have the rule.
 */
class ScarceMemoryTest {
  private static final long BLOCK = 2L << 20;
  private static final long AT = 0x7f40_0000_0000L;
  private static final int COLLAPSE = 25;
  private static final int POPULATE_WRITE = 23;

  private final PhysicalHost host = new PhysicalHost(1 << 12);
  private final AddressSpace space = new AddressSpace(host);
  private final MappingCalls calls = new MappingCalls(space);
  private final Advice advice = new Advice(space);
  private final List<String> told = new ArrayList<>();
  private final List<Long> taken = new ArrayList<>();

  @AfterEach
  void everyFrameComesBack() {
    space.clear();
    taken.forEach(pfn -> host.free(pfn, 0));
    assertThat(host.allocatedFrames()).isEqualTo(1);
  }

  private void map() {
    var wish = new MappingCalls.Wish(AT, 4 * BLOCK, 3, true, true, false);
    assertThat(calls.map(wish, false, false, null, 0)).isEqualTo(AT);
  }

  private void takeAll() {
    for (long pfn = host.allocate(0); pfn >= 0; pfn = host.allocate(0)) {
      taken.add(pfn);
    }
  }

  /** Takes all memory and gives every other frame back: much is free, no two frames together. */
  private void fragment() {
    takeAll();
    for (int i = taken.size() - 1; i >= 0; i--) {
      if ((taken.get(i) & 1) == 0) {
        host.free(taken.remove(i), 0);
      }
    }
    assertThat(host.allocate(9)).isNegative();
  }

  private void listen() {
    space.register(
        new MmuNotifier() {
          @Override
          public void invalidateRangeStart(long start, long end) {
            told.add(Long.toHexString(start - AT) + "-" + Long.toHexString(end - AT));
          }

          @Override
          public void invalidateRangeEnd(long start, long end) {}
        });
  }

  private boolean huge(long at) {
    return (space.peek(at) & UserTables.HUGE) != 0;
  }

  @Test
  void do_huge_pmd_anonymous_page_fallsBackToASmallPage() {
    map();
    assertThat(space.access(AT, true)).isNotNegative();
    assertThat(huge(AT)).isTrue();
    fragment();
    assertThat(space.access(AT + BLOCK, true)).isNotNegative();
    assertThat(huge(AT + BLOCK)).isFalse();
    assertThat(space.peek(AT + BLOCK + 0x1000)).isZero();
    assertThat(huge(AT)).isTrue();
  }

  @Test
  void mm_get_huge_zero_folio_fallsBackToTheSmallPageOfZeros() {
    map();
    fragment();
    assertThat(space.access(AT, false)).isNotNegative();
    assertThat(huge(AT)).isFalse();
    assertThat(AddressSpace.frameOf(space.peek(AT))).isEqualTo(host.zeroPage());
  }

  @Test
  void do_huge_zero_wp_pmd_splitsWhereNoHugePageIsLeft() {
    map();
    assertThat(space.access(AT, false)).isNotNegative();
    assertThat(huge(AT)).isTrue();
    fragment();
    listen();
    assertThat(space.access(AT + 0x5000, true)).isNotNegative();
    assertThat(huge(AT)).isFalse();
    assertThat(told).startsWith("0-200000").contains("5000-6000");
    assertThat(AddressSpace.isWritable(space.peek(AT + 0x5000))).isTrue();
    assertThat(AddressSpace.isWritable(space.peek(AT + 0x6000))).isFalse();
  }

  @Test
  void alloc_charge_folio_letsNothingCollapse() {
    map();
    fragment();
    assertThat(space.access(AT, true)).isNotNegative();
    assertThat(advice.madvise(AT, BLOCK, COLLAPSE)).isEqualTo(Errno.ENOMEM);
    assertThat(huge(AT)).isFalse();
  }

  @Test
  void vmf_anon_prepare_whoeverFindsNoFrameAtAllTakesASignal() {
    map();
    takeAll();
    assertThat(space.access(AT, true)).isEqualTo(AddressSpace.BUS);
    assertThat(space.access(AT, false)).isNotNegative();
    assertThat(advice.madvise(AT + BLOCK, BLOCK, POPULATE_WRITE)).isEqualTo(Errno.EFAULT);
    host.free(taken.removeLast(), 0);
    assertThat(space.access(AT, true)).isNotNegative();
  }
}
