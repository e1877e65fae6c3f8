package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;

/** Folios of 2 MiB that come and go by advice, each rule named after its function in 7.3's mm/. */
class FolioRulesTest extends MmFixture {
  private static final int DONTNEED = 4;
  private static final int FREE = 8;
  private static final int COLD = 20;
  private static final int PAGEOUT = 21;
  private static final int COLLAPSE = 25;
  private static final int GUARD_INSTALL = 102;

  @Test
  void collapse_file_makesOneFolioOfAFilesPages() {
    var file = new MemFd(host, 2 * BLOCK);
    mapFile(file, AT, 2 * BLOCK);
    assertThat(store(AT + 0x7000, 42)).isTrue();
    listen();
    assertThat(madvise(AT, BLOCK, COLLAPSE)).isEqualTo(Errno.OK);
    assertThat(told).as("try_to_unmap, retract_page_tables").contains("7000-8000", "0-200000");
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    assertThat(load(AT + 0x7000)).isEqualTo(42);
    assertThat(file.blocks()).as("shmem_charge").isEqualTo(4096);
    assertThat(madvise(AT + BLOCK, BLOCK, COLLAPSE)).as("an empty one").isEqualTo(Errno.EINVAL);
    file.release();
  }

  @Test
  void truncate_inode_partial_folio_splitsWhatAHoleCuts() {
    var file = new MemFd(host, BLOCK);
    mapFile(file, AT, BLOCK);
    assertThat(store(AT, 1)).isTrue();
    assertThat(madvise(AT, BLOCK, COLLAPSE)).isEqualTo(Errno.OK);
    listen();
    assertThat(file.fallocate(3, 0x1000, 0x1000)).isEqualTo(Errno.OK);
    assertThat(told).contains("0-200000");
    assertThat(space.mappingShift(AT)).isEqualTo(12);
    assertThat(load(AT)).isEqualTo(1);
    file.release();
  }

  @Test
  void madvise_free_huge_pmd_splitsTheFolioOfWhichAPartIsMeant() {
    map(AT, BLOCK);
    assertThat(store(AT + 0x5000, 9)).isTrue();
    listen();
    assertThat(madvise(AT, 0x2000, FREE)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("0-2000", "0-200000");
    assertThat(host.userFrames().isHuge(AddressSpace.frameOf(space.peek(AT)))).isFalse();
    assertThat(load(AT + 0x5000)).isEqualTo(9);
  }

  @Test
  void madvise_cold_or_pageout_pte_range_splitsALargeFolioThatIsMappedByPages() {
    map(AT, BLOCK);
    assertThat(store(AT, 1)).isTrue();
    assertThat(madvise(AT, 0x1000, DONTNEED)).isEqualTo(Errno.OK);
    listen();
    assertThat(madvise(AT + 0x8000, 0x1000, COLD)).isEqualTo(Errno.OK);
    assertThat(told).as("every page of the folio").containsExactly("0-200000");
    listen();
    assertThat(madvise(AT + 0x9000, 0x1000, COLD)).isEqualTo(Errno.OK);
    assertThat(told).as("small by now").isEmpty();
  }

  @Test
  void shrink_folio_list_splitsAHugePageThatNoSwapTakes() {
    map(AT, BLOCK);
    assertThat(store(AT, 1)).isTrue();
    assertThat(madvise(AT, BLOCK, COLD)).isEqualTo(Errno.OK);
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    listen();
    assertThat(madvise(AT, BLOCK, PAGEOUT)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("0-200000");
    assertThat(space.mappingShift(AT)).isEqualTo(12);
    assertThat(load(AT)).isEqualTo(1);
  }

  @Test
  void shrink_folio_list_unmapsPagesOfTmpfs() {
    var file = new MemFd(host, BLOCK);
    mapFile(file, AT, BLOCK);
    assertThat(store(AT + 0x1000, 5)).isTrue();
    listen();
    assertThat(madvise(AT, 0x3000, PAGEOUT)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("1000-2000");
    assertThat(space.peek(AT + 0x1000)).isZero();
    assertThat(load(AT + 0x1000)).isEqualTo(5);
    file.release();
  }

  @Test
  void folio_split_leavesPinnedAndSharedFoliosWhole() {
    map(AT, BLOCK);
    long pfn = space.pin(AT);
    assertThat(madvise(AT, 0x2000, FREE)).isEqualTo(Errno.OK);
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    space.unpin(pfn);
    AddressSpace child = Fork.of(space);
    assertThat(madvise(AT, 0x2000, FREE)).isEqualTo(Errno.OK);
    assertThat(space.mappingShift(AT)).isEqualTo(21);
    child.clear();
  }

  @Test
  void zap_nonpresent_ptes_keepsGuards() {
    map(AT, BLOCK);
    assertThat(madvise(AT + 0x1000, 0x1000, GUARD_INSTALL)).isEqualTo(Errno.OK);
    assertThat(madvise(AT, BLOCK, DONTNEED)).isEqualTo(Errno.OK);
    assertThat(load(AT + 0x1000)).isEqualTo(AddressSpace.SEGV);
    AddressSpace child = Fork.of(space);
    assertThat(child.access(AT + 0x1000, false)).as("copy_pte_marker").isEqualTo(AddressSpace.SEGV);
    child.clear();
  }
}
