package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;

/** What KVM sees of a userfaultfd, by the functions of 7.3's mm/userfaultfd.c. */
class UserfaultRulesTest extends MmFixture {
  private final Userfault uffd = new Userfault(space);

  private Errno filled(long pfn, int value) {
    host.raw().writeByte(pfn << 12, value);
    return Errno.OK;
  }

  @Test
  void handle_userfault_servesNobodyUntilACopyIsThere() {
    map(AT, BLOCK);
    assertThat(uffd.register(AT, BLOCK, Userfault.MISSING)).isEqualTo(Errno.OK);
    assertThat(space.fault(AT, false)).isEqualTo(AddressSpace.BUS);
    listen();
    assertThat(uffd.fill(AT, 0x2000, (pfn, _) -> filled(pfn, 7), false)).isEqualTo(0x2000);
    assertThat(told).as("no word to the notifiers").isEmpty();
    assertThat(load(AT + 0x1000)).isEqualTo(7);
    assertThat(uffd.fill(AT + 0x1000, 0x1000, null, false)).isEqualTo(-Errno.EEXIST.number());
    assertThat(uffd.fill(AT, 0x3000, null, false)).isEqualTo(-Errno.EEXIST.number());
    assertThat(space.fault(AT + 0x2000, true)).isEqualTo(AddressSpace.BUS);
    assertThat(uffd.unregister(AT, BLOCK)).isEqualTo(Errno.OK);
    assertThat(store(AT + 0x2000, 1)).isTrue();
  }

  @Test
  void userfaultfd_register_wantsMemoryItKnowsAndCutsMappings() {
    map(AT, 2 * BLOCK);
    assertThat(store(AT, 1)).isTrue();
    assertThat(uffd.register(AT, BLOCK, 0)).isEqualTo(Errno.EINVAL);
    assertThat(uffd.register(AT, BLOCK, Userfault.MINOR)).as("anonymous").isEqualTo(Errno.EINVAL);
    assertThat(uffd.register(AT + (1L << 40), BLOCK, 1)).isEqualTo(Errno.EINVAL);
    assertThat(uffd.fill(AT, 0x1000, null, false)).isEqualTo(-Errno.ENOENT.number());
    listen();
    assertThat(uffd.register(AT + 0x1000, 0x1000, Userfault.MISSING)).isEqualTo(Errno.OK);
    assertThat(told).as("split_huge_pmd_if_needed").contains("0-200000");
  }

  @Test
  void mwriteprotect_range_tellsAndStopsStores() {
    map(AT, BLOCK);
    assertThat(madvise(AT, BLOCK, 15)).isEqualTo(Errno.OK);
    assertThat(store(AT, 5)).isTrue();
    assertThat(uffd.writeProtect(AT, BLOCK, true)).isEqualTo(Errno.ENOENT);
    assertThat(uffd.register(AT, BLOCK, Userfault.WRITE_PROTECT)).isEqualTo(Errno.OK);
    listen();
    assertThat(uffd.writeProtect(AT, 0x1000, true)).isEqualTo(Errno.OK);
    assertThat(told).containsExactly("0-1000");
    assertThat(store(AT, 6)).isFalse();
    assertThat(load(AT)).isEqualTo(5);
    assertThat(store(AT + 0x1000, 6)).as("nothing was there").isTrue();
    long frame = AddressSpace.frameOf(space.peek(AT));
    assertThat(uffd.writeProtect(AT, 0x1000, false)).isEqualTo(Errno.OK);
    assertThat(store(AT, 6)).isTrue();
    assertThat(AddressSpace.frameOf(space.peek(AT))).isEqualTo(frame);
  }

  @Test
  void shmem_fault_leavesMinorFaultsToUserSpace() {
    var file = new MemFd(host, BLOCK);
    mapFile(file, AT, BLOCK);
    assertThat(file.fallocate(0, 0, 0x1000)).isEqualTo(Errno.OK);
    assertThat(uffd.register(AT, BLOCK, Userfault.MINOR)).isEqualTo(Errno.OK);
    assertThat(space.fault(AT, false)).isEqualTo(AddressSpace.BUS);
    assertThat(uffd.fill(AT, 0x1000, null, true)).isEqualTo(0x1000);
    assertThat(store(AT, 1)).isTrue();
    assertThat(uffd.fill(AT + 0x1000, 0x1000, null, true)).isEqualTo(-Errno.EFAULT.number());
    assertThat(store(AT + 0x1000, 1)).as("missing pages are the file's").isTrue();
    uffd.close();
    file.release();
  }

  @Test
  void dup_userfaultfd_andMremapForgetTheRegistration() {
    map(AT, BLOCK);
    assertThat(uffd.register(AT, BLOCK, Userfault.MISSING)).isEqualTo(Errno.OK);
    AddressSpace child = Fork.of(space);
    assertThat(child.fault(AT, false)).isPositive();
    child.clear();
    long to = AT + (1L << 32);
    assertThat(new Remap(space).mremap(AT, BLOCK, BLOCK, 3, to)).isEqualTo(to);
    assertThat(store(to, 1)).isTrue();
  }
}
