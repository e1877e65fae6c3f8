package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;

/** Rules of mm/ of Linux 7.3, each named after the function it comes from. */
class MmRulesTest extends MmFixture {
  @Test
  void do_huge_pmd_anonymous_page_mapsABlockThatFits() {
    map(AT, 2 * BLOCK);
    long read = space.fault(AT + 0x5000, false);
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    assertThat(AddressSpace.isWritable(read)).isFalse();
    listen();
    long written = space.fault(AT + 0x5000, true);
    assertThat(AddressSpace.isWritable(written)).isTrue();
    assertThat(told).as("do_huge_zero_wp_pmd").containsExactly("0-200000");
  }

  @Test
  void thp_vma_suitable_order_leavesTheEdgesSmall() {
    map(AT + 0x1000, BLOCK);
    assertThat(space.fault(AT + 0x1000, true)).isPositive();
    assertThat(space.mappingShift(AT + 0x1000)).isEqualTo(12);
  }

  @Test
  void split_huge_pmd_if_needed_tellsOfTheWholeBlockHugePageOrNot() {
    map(AT, 2 * BLOCK);
    assertThat(madvise(AT, 2 * BLOCK, 15)).isEqualTo(Errno.OK);
    assertThat(space.fault(AT + 0x3000, true)).isPositive();
    listen();
    assertThat(calls.munmap(AT + 0x10000, 0x1000)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("0-200000", "10000-11000");
  }

  @Test
  void mm_find_pmd_findsNothingWhereNothingWasEverMapped() {
    map(AT, 2 * BLOCK);
    listen();
    assertThat(madvise(AT + 0x1000, 0x1000, 15)).isEqualTo(Errno.OK);
    assertThat(told).isEmpty();
  }

  @Test
  void zap_huge_pmd_splitsWhatDontneedCuts() {
    map(AT, BLOCK);
    assertThat(space.fault(AT, true)).isPositive();
    listen();
    assertThat(madvise(AT, 0x2000, 4)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("0-2000", "0-200000");
    assertThat(space.peek(AT)).isZero();
    assertThat(space.peek(AT + 0x2000)).isPositive();
  }

  @Test
  void madvise_collapse_makesOneOfSmallPagesAndKeepsWhatTheyHold() {
    map(AT, BLOCK);
    assertThat(madvise(AT, BLOCK, 15)).isEqualTo(Errno.OK);
    long e = space.fault(AT + 0x7000, true);
    host.raw().writeByte(AddressSpace.frameOf(e) << 12, 42);
    assertThat(madvise(AT, BLOCK, 25)).as("NOHUGEPAGE").isEqualTo(Errno.EINVAL);
    assertThat(madvise(AT, BLOCK, 14)).isEqualTo(Errno.OK);
    assertThat(madvise(AT, BLOCK, 25)).isEqualTo(Errno.OK);
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    assertThat(host.raw().readByte(AddressSpace.frameOf(space.peek(AT + 0x7000)) << 12))
        .isEqualTo(42);
  }

  @Test
  void madvise_walk_vmas_goesOnBehindAHoleAndSaysSo() {
    map(AT, 0x1000);
    map(AT + 0x2000, 0x1000);
    assertThat(space.fault(AT + 0x2000, true)).isPositive();
    assertThat(madvise(AT, 0x3000, 4)).isEqualTo(Errno.ENOMEM);
    assertThat(space.peek(AT + 0x2000)).isZero();
  }

  @Test
  void move_page_tables_takesThePagesAlong() {
    map(AT, 2 * BLOCK);
    long e = space.fault(AT + 0x1000, true);
    long to = AT + (1L << 30);
    assertThat(new Remap(space).mremap(AT, BLOCK, BLOCK, 3, to)).isEqualTo(to);
    assertThat(AddressSpace.frameOf(space.peek(to + 0x1000))).isEqualTo(AddressSpace.frameOf(e));
    assertThat(space.find(AT)).isNull();
    assertThat(space.find(AT + BLOCK)).isNotNull();
  }

  @Test
  void do_wp_page_copiesWhatAForkShares() {
    map(AT, BLOCK);
    assertThat(madvise(AT, BLOCK, 15)).isEqualTo(Errno.OK);
    long before = AddressSpace.frameOf(space.fault(AT, true));
    AddressSpace child = Fork.of(space);
    long after = AddressSpace.frameOf(space.fault(AT, true));
    assertThat(after).isNotEqualTo(before);
    assertThat(AddressSpace.frameOf(child.peek(AT))).isEqualTo(before);
    child.clear();
    assertThat(AddressSpace.frameOf(space.fault(AT, true))).isEqualTo(after);
  }

  @Test
  void do_mprotect_pkey_refusesStoresAndAllowsThemAgainInPlace() {
    map(AT, BLOCK);
    long frame = AddressSpace.frameOf(space.fault(AT, true));
    assertThat(calls.mprotect(AT, BLOCK, 1)).isEqualTo(Errno.OK);
    assertThat(space.fault(AT, true)).isEqualTo(AddressSpace.SEGV);
    assertThat(calls.mprotect(AT, BLOCK, 3)).isEqualTo(Errno.OK);
    assertThat(AddressSpace.frameOf(space.fault(AT, true))).isEqualTo(frame);
  }

  @Test
  void a_pin_keeps_the_frame_of_shared_memory_that_is_unmapped() {
    var wish = new MappingCalls.Wish(AT, 0x1000, 3, true, true, false);
    var file = new MemFd(host, 0x1000);
    assertThat(calls.map(wish, false, true, file, 0)).isEqualTo(AT);
    file.release();
    long pfn = space.pin(AT);
    assertThat(calls.munmap(AT, 0x1000)).isEqualTo(Errno.OK);
    assertThat(host.isFree(pfn)).isFalse();
    space.unpin(pfn);
    assertThat(host.isFree(pfn)).isTrue();
  }
}
