package dev.cocovisor.core.gmem;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Both kinds of store, under slots of a software-protected VM. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class BackingStoreTest {
  private static final long BASE = 1L << 30;
  private static final long M = 2L << 20;
  private static final long HVA = 0x7f60_0000_0000L;

  private static final class Machine {
    final Kvm kvm;
    final KvmProcess process;
    final int dev;
    final int vm;
    final int vcpu;

    Machine(HostConfig config) {
      kvm = new Kvm(config, List.of());
      process = new KvmProcess(kvm);
      dev = (int) process.openDevKvm();
      vm = (int) process.createVm(dev, 1);
      vcpu = (int) process.createVcpu(vm, 0);
      process.mmap(HVA, 4 * M, 3, 0x22, -1, 0);
    }

    long slot(int vmFd, long gpa, long size, long offset, int fd) {
      return process.setUserMemoryRegion2(vmFd, 1, 4, gpa, size, HVA, offset, fd);
    }

    long prefault(long gpa, long size) {
      return process.preFaultMemory(vcpu, 0, new long[] {gpa, size});
    }

    void check() {
      assertThat(kvm.violations()).isEmpty();
    }
  }

  @Test
  void aHoleSplitsALargeFolioAndKeepsTheRest() {
    Machine m = new Machine(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"));
    int fd = (int) m.process.createGuestMemfd(m.vm, 2 * M, 0);
    assertThat(m.slot(m.vm, BASE, 2 * M, 0, fd)).isZero();
    m.process.setMemoryAttributes(m.vm, BASE, 2 * M, 8, 0);
    assertThat(m.prefault(BASE, M)).isZero();
    assertThat(m.process.stats(m.vm).pages2m()).isEqualTo(1);
    m.check();
    assertThat(m.process.fallocate(fd, 3, 4096, 4096)).isZero();
    assertThat(m.process.guestMemfd(fd).pages()).isEqualTo(511);
    assertThat(m.process.stats(m.vm).pages2m()).isZero();
    assertThat(m.prefault(BASE, M)).isZero();
    assertThat(m.process.stats(m.vm).pages4k()).isEqualTo(512);
    m.check();
    m.process.exit();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(1);
  }

  @Test
  void aBlockThatDoesNotFitTheFileIsMadeOfSmallPages() {
    Machine m = new Machine(HostConfig.DEFAULT.withSetting("core.gmem-order", "18"));
    int fd = (int) m.process.createGuestMemfd(m.vm, M + 4096, 0);
    assertThat(m.process.fallocate(fd, 1, 0, M + 4096)).isZero();
    assertThat(m.process.guestMemfd(fd).pages()).isEqualTo(513);
    m.process.exit();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(1);
  }

  @Test
  void memoryThatRunsOutIsEnomem() {
    Machine m = new Machine(HostConfig.DEFAULT.withMemoryFrames(64));
    int fd = (int) m.process.createGuestMemfd(m.vm, M, 0);
    assertThat(m.process.fallocate(fd, 1, 0, M)).isEqualTo(-Errno.ENOMEM.number());
    m.slot(m.vm, BASE, M, 0, fd);
    m.process.setMemoryAttributes(m.vm, BASE, M, 8, 0);
    assertThat(m.prefault(BASE + M - 4096, 4096)).isEqualTo(-Errno.ENOMEM.number());
  }

  @Test
  void oneInodeServesTwoVms() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int fd = (int) m.process.createGuestMemfd(m.vm, M, 0);
    int other = (int) m.process.createVm(m.dev, 1);
    int second =
        m.process.install(m.process.guestMemfd(fd).link(m.process.vm(other).privateFiles()));
    assertThat(m.slot(m.vm, BASE, M, 0, fd)).isZero();
    assertThat(m.slot(other, BASE, M, 0, fd)).isEqualTo(-Errno.EINVAL.number());
    assertThat(m.slot(other, BASE, M, 0, second)).isZero();
    m.process.setMemoryAttributes(m.vm, BASE, M, 8, 0);
    assertThat(m.prefault(BASE, 4096)).isZero();
    assertThat(m.process.fallocate(second, 3, 0, 4096)).isZero();
    assertThat(m.process.stats(m.vm).pages4k()).isZero();
    m.check();
  }

  @Test
  void theOlderStoreBelongsToNoVmAndCallsBack() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int fd = (int) m.process.memfdCreateInaccessible(2 * M, false, true);
    List<String> told = new ArrayList<>();
    MemfileStore.Callbacks callbacks =
        new MemfileStore.Callbacks() {
          @Override
          public void populated(long start, long end) {
            told.add("populated " + start + " " + end);
          }

          @Override
          public void invalidated(long start, long end) {
            told.add("invalidated " + start + " " + end);
          }
        };
    m.process.memfile(fd).register(callbacks);
    int other = (int) m.process.createVm(m.dev, 1);
    assertThat(m.slot(m.vm, BASE, M, 0, fd)).isZero();
    assertThat(m.slot(other, BASE, M, M, fd)).isZero();
    assertThat(m.process.setUserMemoryRegion2(other, 2, 4, 2 * BASE, M, HVA, M, fd))
        .isEqualTo(-Errno.EEXIST.number());
    assertThat(m.process.setUserMemoryRegion2(other, 2, 4, 2 * BASE, M, HVA, 2 * M, fd))
        .isEqualTo(-Errno.EINVAL.number());
    m.process.setMemoryAttributes(m.vm, BASE, M, 8, 0);
    assertThat(m.prefault(BASE, 8192)).isZero();
    assertThat(m.process.fallocate(fd, 0, 8192, 4096)).isZero();
    assertThat(m.process.fallocate(fd, 3, 0, 4096)).isZero();
    assertThat(told).containsExactly("populated 8192 12288", "invalidated 0 4096");
    assertThat(m.process.stats(m.vm).pages4k()).isEqualTo(1);
    m.process.memfile(fd).unregister(callbacks);
    m.check();
    assertThat(m.process.mmap(0, M, 3, 1, fd, 0)).isEqualTo(-Errno.ENODEV.number());
    assertThat(m.process.memfile(fd).size()).isEqualTo(2 * M);
    m.process.close(fd);
    assertThat(m.prefault(BASE + 8192, 4096)).isZero();
    assertThat(m.slot(m.vm, BASE, 0, 0, -1)).isZero();
    m.process.exit();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(1);
  }

  @Test
  void theOlderStoreLivesAsLongAsOneOfItsDescriptors() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int fd = (int) m.process.memfdCreateInaccessible(2 * M, false, true);
    int again = (int) m.process.dup(fd);
    assertThat(m.process.fallocate(fd, 0, 0, 8192)).isZero();
    long frames = m.kvm.memory().allocatedFrames();
    m.process.close(fd);
    assertThat(m.kvm.memory().allocatedFrames()).as("one descriptor is left").isEqualTo(frames);
    assertThat(m.process.memfile(again).pages()).isEqualTo(2);
    m.process.close(again);
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(frames - 2);
  }

  @Test
  void aSealedStoreGivesOnlyWhatWasAllocated() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int fd = (int) m.process.memfdCreateInaccessible(M, false, false);
    m.slot(m.vm, BASE, M, 0, fd);
    m.process.setMemoryAttributes(m.vm, BASE, M, 8, 0);
    assertThat(m.prefault(BASE, 4096)).isEqualTo(-Errno.ENOENT.number());
    assertThat(m.process.fallocate(fd, 0, 0, 4096)).isZero();
    assertThat(m.prefault(BASE, 4096)).isZero();
  }

  @Test
  void aHugetlbLikeStoreWorksInWholeHugePages() {
    Machine m = new Machine(HostConfig.DEFAULT);
    assertThat(m.process.memfdCreateInaccessible(4096, true, true)).isEqualTo(-22);
    int fd = (int) m.process.memfdCreateInaccessible(2 * M, true, true);
    assertThat(m.slot(m.vm, BASE, 4096, 4096, fd)).isEqualTo(-Errno.EINVAL.number());
    assertThat(m.slot(m.vm, BASE, 2 * M, 0, fd)).isZero();
    assertThat(m.process.fallocate(fd, 0, 4096, 4096)).isZero();
    assertThat(m.process.memfile(fd).pages()).isEqualTo(512);
    assertThat(m.process.fallocate(fd, 3, 4096, 4096)).isZero();
    assertThat(m.process.memfile(fd).pages()).isEqualTo(512);
    m.process.setMemoryAttributes(m.vm, BASE, 2 * M, 8, 0);
    assertThat(m.prefault(BASE, 4096)).isZero();
    assertThat(m.process.stats(m.vm).pages2m()).isEqualTo(1);
    m.check();
  }

  // "fd-based approach for supporting KVM guest private memory" v7: an empty memfd is given its
  // size
  // once, then sealed.
  @Test
  void theOlderStoreIsGivenItsSizeOnceAndSealed() {
    for (boolean huge : new boolean[] {false, true}) {
      Machine m = new Machine(HostConfig.DEFAULT);
      int fd = (int) m.process.memoryFiles().memfdCreate("guest", 1L << 32 | (huge ? 4 : 0));
      MemfileStore store = m.process.memfile(fd);
      assertThat(store.truncate(huge ? 4096 : 100)).isEqualTo(Errno.EINVAL);
      assertThat(store.size()).isZero();
      assertThat(store.truncate(2 * M)).isEqualTo(Errno.OK);
      assertThat(store.size()).isEqualTo(2 * M);
      assertThat(store.truncate(4 * M)).isEqualTo(Errno.EPERM);
      assertThat(store.truncate(0)).isEqualTo(Errno.EPERM);
      assertThat(m.slot(m.vm, BASE, 2 * M, 0, fd)).isZero();
      m.process.setMemoryAttributes(m.vm, BASE, 2 * M, 8, 0);
      assertThat(m.prefault(BASE, 4096)).isZero();
      store.sealAutoAllocate();
      assertThat(m.prefault(BASE + M, 4096)).isEqualTo(-Errno.ENOENT.number());
      assertThat(m.process.fallocate(fd, 0, M, M)).isZero();
      assertThat(m.prefault(BASE + M, 4096)).isZero();
      assertThat(store.pages()).isEqualTo(huge ? 1024 : 513);
      BackingStore view = store.viewFor(m.process.vm(m.vm).privateFiles());
      assertThat(view).isSameAs(store.viewFor(m.process.vm(m.vm).privateFiles()));
      assertThat(view.servesShared()).isFalse();
      assertThat(view.checkBind(m.process.vm(m.vm).privateFiles(), -M, M)).isEqualTo(Errno.EINVAL);
      m.check();
      m.process.exit();
      assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(1);
    }
  }

  /** A store that says of every third page that it is there. */
  private abstract static class Thirds implements BackingStore {
    @Override
    public long peek(long index) {
      return index % 3 == 2 ? 7 : 0;
    }
  }

  @Test
  void theNextPageIsTheFirstOneThatIsThereBelowTheEnd() {
    BackingStore store = mock(Thirds.class, CALLS_REAL_METHODS);
    long[][] rows = {
      {0, 9, 2}, {2, 9, 2}, {3, 9, 5}, {6, 8, -1}, {6, 9, 8}, {5, 5, -1}, {9, 3, -1}
    };
    for (long[] r : rows) {
      assertThat(store.next(r[0], r[1])).as("from %s below %s", r[0], r[1]).isEqualTo(r[2]);
    }
  }

  // guest_memfd.c: a mapping holds the file open, so the inode's memory goes with the last of both.
  @Test
  void aMappingKeepsAFilesMemoryUntilItGoesToo() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int plain = (int) m.process.createVm(m.dev, 0);
    long before = m.kvm.memory().allocatedFrames();
    int fd = (int) m.process.createGuestMemfd(plain, M, 3);
    long at = m.process.mmap(0, M, 3, 1, fd, 0);
    assertThat(m.process.hostWrite(at, 7)).isZero();
    assertThat(m.process.close(fd)).isZero();
    assertThat(m.process.hostRead(at)).isEqualTo(7);
    assertThat(m.kvm.memory().allocatedFrames()).isGreaterThan(before);
    assertThat(m.process.munmap(at, M)).isZero();
    assertThat(m.kvm.memory().allocatedFrames()).isEqualTo(before);
    m.check();
  }

  @Test
  void aStoreThatIsGoneIsNotHeldAnyMore() {
    Machine m = new Machine(HostConfig.DEFAULT);
    int fd = (int) m.process.memfdCreateInaccessible(2 * M, false, true);
    BackingStore view = m.process.memfile(fd).viewFor(m.process.vm(m.vm).privateFiles());
    assertThat(view.tryAcquire()).isTrue();
    assertThat(m.process.close(fd)).isZero();
    assertThat(view.tryAcquire()).as("one who holds it is left").isTrue();
    view.release();
    view.release();
    assertThat(view.tryAcquire()).isFalse();
  }
}
