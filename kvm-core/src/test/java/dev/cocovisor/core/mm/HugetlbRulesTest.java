package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;

/** The pool of eight pages and who is promised them, by the functions of 7.3's mm/hugetlb.c. */
class HugetlbRulesTest extends MmFixture {
  private long mapPrivate(long at, long pages, boolean noReserve) {
    var wish = new MappingCalls.Wish(at, pages * BLOCK, 3, true, true, noReserve);
    return calls.map(wish, true, false, null, 0);
  }

  @Test
  void hugetlb_reserve_pages_refusesWhatThePoolCannotPromise() {
    assertThat(mapPrivate(AT, 6, false)).isEqualTo(AT);
    long other = AT + 16 * BLOCK;
    assertThat(mapPrivate(other, 3, false)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(space.find(other)).isNull();
    assertThat(mapPrivate(other, 2, false)).isEqualTo(other);
    assertThat(calls.munmap(AT, BLOCK)).isEqualTo(Errno.OK);
    assertThat(mapPrivate(AT, 1, false)).as("a promise that came back").isEqualTo(AT);
  }

  @Test
  void alloc_hugetlb_folio_takesThePromisedPageOrOneToSpare() {
    assertThat(mapPrivate(AT, 7, false)).isEqualTo(AT);
    long other = AT + 16 * BLOCK;
    assertThat(mapPrivate(other, 4, true)).as("MAP_NORESERVE").isEqualTo(other);
    assertThat(store(other, 1)).isTrue();
    assertThat(load(other + BLOCK)).as("the last is promised").isEqualTo(AddressSpace.BUS);
    for (int i = 0; i < 7; i++) {
      assertThat(store(AT + i * BLOCK, 1)).isTrue();
    }
    assertThat(madvise(AT, BLOCK, 4)).isEqualTo(Errno.OK);
    assertThat(store(other + BLOCK, 1)).as("given back without a promise").isTrue();
    assertThat(store(AT, 1)).isFalse();
  }

  @Test
  void region_chg_countsASharedFilesPagesOnce() {
    var file = new MemFd(host, 6 * BLOCK, true);
    mapFile(file, AT, 6 * BLOCK);
    mapFile(file, AT + 32 * BLOCK, 6 * BLOCK);
    assertThat(host.userFrames().pool().promised()).isEqualTo(6);
    assertThat(store(AT, 1)).isTrue();
    assertThat(host.userFrames().pool().promised()).isEqualTo(5);
    assertThat(file.fallocate(3, 0, BLOCK)).isEqualTo(Errno.OK);
    assertThat(host.userFrames().pool().used()).isZero();
    assertThat(calls.munmap(AT, 6 * BLOCK)).isEqualTo(Errno.OK);
    assertThat(host.userFrames().pool().promised()).as("the file keeps them").isEqualTo(5);
    file.release();
    space.clear();
    assertThat(host.userFrames().pool().promised()).isZero();
  }

  @Test
  void hugetlbfs_fallocate_endsWithThePool() {
    var file = new MemFd(host, 0, true);
    assertThat(file.fallocate(0, 0, 9 * BLOCK)).isEqualTo(Errno.ENOSPC);
    assertThat(host.userFrames().pool().used()).as("what was had stays").isEqualTo(8);
    assertThat(file.size()).isZero();
    assertThat(file.truncate(0)).isEqualTo(Errno.OK);
    file.release();
  }

  @Test
  void hugetlbfs_file_mmap_makesTheFileAsLongAsItsMapping() {
    var file = new MemFd(host, 0, true);
    mapFile(file, AT, 2 * BLOCK);
    assertThat(file.size()).isEqualTo(2 * BLOCK);
    assertThat(store(AT + BLOCK, 1)).isTrue();
    file.release();
  }

  @Test
  void align_hugetlb_looksAtTheNewAddressAsked() {
    assertThat(mapPrivate(AT, 2, false)).isEqualTo(AT);
    var remap = new Remap(space);
    assertThat(remap.mremap(AT, BLOCK, BLOCK, 0, AT + 0x1000)).isEqualTo(-Errno.EINVAL.number());
    assertThat(remap.mremap(AT, BLOCK, BLOCK, 7, AT + 64 * BLOCK))
        .as("MREMAP_DONTUNMAP of VM_DONTEXPAND")
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(store(AT, 7)).isTrue();
    long to = AT + 64 * BLOCK;
    assertThat(remap.mremap(AT, 2 * BLOCK, 2 * BLOCK, 3, to)).isEqualTo(to);
    assertThat(load(to)).isEqualTo(7);
    assertThat(store(to + BLOCK, 1)).as("the promise moved along").isTrue();
  }

  @Test
  void madvise_vma_behavior_takesHugetlbForAFileAndForSpecial() {
    assertThat(mapPrivate(AT, 1, false)).isEqualTo(AT);
    assertThat(madvise(AT, BLOCK, 10)).as("DONTFORK").isEqualTo(Errno.OK);
    assertThat(madvise(AT, BLOCK, 11)).as("DOFORK").isEqualTo(Errno.EINVAL);
    assertThat(madvise(AT, BLOCK, 16)).as("DONTDUMP").isEqualTo(Errno.OK);
    assertThat(madvise(AT, BLOCK, 17)).as("DODUMP").isEqualTo(Errno.OK);
    assertThat(madvise(AT, BLOCK, 18)).as("WIPEONFORK").isEqualTo(Errno.EINVAL);
  }
}
