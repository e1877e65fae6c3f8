package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;

/** Mappings that move, are locked, protected or truncated, by the functions of 7.3's mm/. */
class MappingRulesTest extends MmFixture {
  private static final long ELSEWHERE = AT + (1L << 32);

  private long mremap(long from, long was, long now, int flags, long to) {
    return new Remap(space).mremap(from, was, now, flags, to);
  }

  @Test
  void move_normal_pmd_leavesNoTableBehind() {
    map(AT, 2 * BLOCK);
    assertThat(madvise(AT, 2 * BLOCK, 15)).isEqualTo(Errno.OK);
    assertThat(store(AT, 1)).isTrue();
    assertThat(madvise(AT, 2 * BLOCK, 14)).isEqualTo(Errno.OK);
    assertThat(mremap(AT, BLOCK, BLOCK, 7, ELSEWHERE)).isEqualTo(ELSEWHERE);
    assertThat(load(ELSEWHERE)).isEqualTo(1);
    assertThat(store(AT, 2)).isTrue();
    assertThat(space.mappingShift(AT)).as("a huge page fits again").isEqualTo(21);
  }

  @Test
  void copy_vma_givesUntouchedMemoryThePlaceItMovesTo() {
    map(AT, BLOCK);
    map(ELSEWHERE, BLOCK);
    assertThat(mremap(AT, BLOCK, BLOCK, 3, ELSEWHERE + BLOCK)).isEqualTo(ELSEWHERE + BLOCK);
    Vma v = space.find(ELSEWHERE);
    assertThat(v).isNotNull();
    assertThat(v.end()).as("one mapping").isEqualTo(ELSEWHERE + 2 * BLOCK);
  }

  @Test
  void check_prep_vma_andTheParametersBeforeIt() {
    map(AT, 2 * BLOCK);
    assertThat(mremap(AT, BLOCK, 0, 1, 0)).isEqualTo(-Errno.EINVAL.number());
    assertThat(mremap(AT, BLOCK, -4096, 1, 0)).isEqualTo(-Errno.EINVAL.number());
    assertThat(mremap(AT, -4096, 4096, 1, 0)).as("do_vmi_munmap").isEqualTo(-Errno.EINVAL.number());
    assertThat(mremap(AT, 3 * BLOCK, 4 * BLOCK, 1, 0)).isEqualTo(-Errno.EFAULT.number());
    assertThat(mremap(AT, 0, BLOCK, 1, 0)).as("not shared").isEqualTo(-Errno.EINVAL.number());
    assertThat(mremap(AT, BLOCK, BLOCK, 3, AT + 4096)).isEqualTo(-Errno.EINVAL.number());
    assertThat(mremap(AT, 2 * BLOCK, BLOCK, 0, 0)).isEqualTo(AT);
    assertThat(mremap(AT, BLOCK, 2 * BLOCK, 0, 0)).as("in place").isEqualTo(AT);
  }

  @Test
  void remap_move_goesOverGaps() {
    map(AT, 0x1000);
    map(AT + 0x2000, 0x1000);
    assertThat(store(AT + 0x2000, 8)).isTrue();
    assertThat(mremap(AT, 0x3000, 0x3000, 3, ELSEWHERE)).isEqualTo(ELSEWHERE);
    assertThat(load(ELSEWHERE + 0x2000)).isEqualTo(8);
    assertThat(space.find(ELSEWHERE + 0x1000)).isNull();
    assertThat(mremap(AT + 0x1000, 0x1000, 0x1000, 3, AT)).isEqualTo(-Errno.EFAULT.number());
  }

  @Test
  void access_error_letsLoadsThroughThatGetUserPagesRefuses() {
    map(AT, 0x1000);
    assertThat(calls.mprotect(AT, 0x1000, 2)).as("PROT_WRITE").isEqualTo(Errno.OK);
    assertThat(load(AT)).isZero();
    assertThat(space.fault(AT, false)).as("check_vma_flags").isEqualTo(AddressSpace.SEGV);
    assertThat(calls.mprotect(AT, 0x1000, 4)).as("PROT_EXEC").isEqualTo(Errno.OK);
    assertThat(load(AT)).isZero();
    assertThat(store(AT, 1)).isFalse();
    assertThat(calls.mprotect(AT, 0x1000, 0)).as("PROT_NONE").isEqualTo(Errno.OK);
    assertThat(load(AT)).isEqualTo(AddressSpace.SEGV);
  }

  @Test
  void do_mlock_countsAgainstTheLimit() {
    map(AT, BLOCK);
    space.setMemlockLimit(3 << 12);
    assertThat(calls.lock(AT, 0x3000, true)).isEqualTo(Errno.OK);
    assertThat(calls.lock(AT, 0x3000, true)).as("counted once").isEqualTo(Errno.OK);
    assertThat(calls.lock(AT + 0x3000, 0x1000, true)).isEqualTo(Errno.ENOMEM);
    assertThat(calls.lock(AT, 0x1000, false)).isEqualTo(Errno.OK);
    assertThat(calls.lock(AT + 0x3000, 0x1000, true)).isEqualTo(Errno.OK);
    space.setMemlockLimit(0);
    assertThat(calls.lock(AT, 1, true)).as("can_do_mlock").isEqualTo(Errno.EPERM);
  }

  @Test
  void apply_vma_lock_flags_goesAsFarAsThereAreMappings() {
    map(AT, 0x2000);
    assertThat(calls.lock(AT, 1L << 63, true)).isEqualTo(Errno.ENOMEM);
    assertThat(madvise(AT, 0x1000, 4)).as("locked all the same").isEqualTo(Errno.EINVAL);
    assertThat(calls.mprotect(AT, 1L << 63, 1)).isEqualTo(Errno.ENOMEM);
    assertThat(store(AT, 1)).as("protected all the same").isFalse();
  }

  @Test
  void populate_vma_page_range_tellsAFilesEndAsAHole() {
    var file = new MemFd(host, 0x1000);
    mapFile(file, AT, 0x2000);
    assertThat(calls.lock(AT, 0x2000, true)).isEqualTo(Errno.ENOMEM);
    file.release();
  }

  @Test
  void unmap_mapping_range_takesCopiesWhereAFileEnds() {
    var file = new MemFd(host, BLOCK);
    var wish = new MappingCalls.Wish(AT, BLOCK, 3, true, true, false);
    assertThat(calls.map(wish, false, false, file, 0)).isEqualTo(AT);
    assertThat(store(AT + 0x1000, 1)).isTrue();
    assertThat(store(AT + 0x2000, 2)).isTrue();
    assertThat(file.fallocate(3, 0x1000, 0x1000)).isEqualTo(Errno.OK);
    assertThat(load(AT + 0x1000)).as("a hole leaves the copy").isEqualTo(1);
    assertThat(file.truncate(0x2000)).isEqualTo(Errno.OK);
    assertThat(load(AT + 0x2000)).as("the end does not").isEqualTo(AddressSpace.BUS);
    file.release();
  }
}
