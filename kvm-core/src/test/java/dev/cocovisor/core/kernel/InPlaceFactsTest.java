package dev.cocovisor.core.kernel;

import static dev.cocovisor.core.kernel.FileHost.INIT_SHARED;
import static dev.cocovisor.core.kernel.FileHost.MMAP;
import static dev.cocovisor.core.kernel.FileHost.PAGE;
import static dev.cocovisor.core.kernel.FileHost.RAM;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.host.KvmProcess;
import org.junit.jupiter.api.Test;

/** The ten recorded facts of conversion in place, one test each, on software-protected VMs. */
class InPlaceFactsTest {
  private static final long BOTH = MMAP | INIT_SHARED;
  private static final long EFAULT = -Errno.EFAULT.number();
  private static final long EINVAL = -Errno.EINVAL.number();
  private static final long EAGAIN = -Errno.EAGAIN.number();
  private static final int POPULATE_READ = 22;
  private static final int POPULATE_WRITE = 23;
  private static final int DONTNEED = 4;

  @Test
  void fact1ThereAreTwoKindsOfHost() {
    FileHost h = FileHost.hybrid();
    assertThat(h.process.setMemoryAttributes(h.vm, RAM, PAGE, 8, 0)).isEqualTo(EINVAL);
    assertThat(h.process.setMemoryAttributes(h.vm, RAM, PAGE, 0, 0)).isZero();
    FileHost n = FileHost.of74();
    assertThat(n.process.setMemoryAttributes(n.vm, RAM, PAGE, 8, 0))
        .isEqualTo(-Errno.ENOTTY.number());
    assertThat(n.process.checkExtension(n.vm, 252)).isEqualTo(8);
    FileHost old = FileHost.of("7.3", FileHost.SW_PROTECTED);
    int f = old.file(1, 0);
    assertThat(old.convert(f, 0, 1, false)).isEqualTo(-Errno.ENOTTY.number());
  }

  /** The slot shows the file from page 0, its user address the mapping from page 2. */
  private static FileHost crossed() {
    FileHost h = FileHost.of74();
    int f = h.file(4, BOTH);
    long user = h.map(f, 4);
    assertThat(h.slot(1, RAM, 4, user + 2 * PAGE, f, 0)).isZero();
    for (long p = 0; p < 4; p++) {
      assertThat(h.write(RAM + p * PAGE, (int) p + 1)).isZero();
    }
    assertThat(h.mapped()).isEqualTo(5);
    return h;
  }

  private static int fileOf(FileHost h) {
    for (int fd = 3; fd < 20; fd++) {
      if (h.process.guestMemfd(fd) != null) {
        return fd;
      }
    }
    throw new AssertionError("no guest_memfd");
  }

  @Test
  void fact2ToPrivateZapsByAddressThenByFileAndToSharedByFileOnly() {
    FileHost h = crossed();
    int f = fileOf(h);
    // Page 2 of the file: gfn 0 goes by its user address, gfn 2 by its page.
    assertThat(h.convert(f, 2, 1, true)).isZero();
    assertThat(h.mapped()).isEqualTo(3);
    assertThat(h.read(RAM)).isEqualTo(1);
    assertThat(h.read(RAM + 2 * PAGE)).isEqualTo(3);
    assertThat(h.mapped()).isEqualTo(5);
    assertThat(h.convert(f, 2, 1, false)).isZero();
    assertThat(h.mapped()).isEqualTo(4);
  }

  @Test
  void fact2AFailedConversionHasZappedByAddressAlready() {
    FileHost h = crossed();
    int f = fileOf(h);
    long user = h.map(f, 4);
    assertThat(h.process.spliceIntoPipe(user + 3 * PAGE, PAGE)).isEqualTo(PAGE);
    assertThat(h.convert(f, 3, 1, true)).isEqualTo(EAGAIN);
    assertThat(h.errorOffset[0]).isEqualTo(3 * PAGE);
    assertThat(h.mapped()).isEqualTo(4);
    assertThat(h.process.closePipe()).isZero();
    assertThat(h.convert(f, 3, 1, true)).isZero();
    assertThat(h.mapped()).isEqualTo(3);
  }

  @Test
  void fact3TheWholeRangeIsZappedUnlessAllOfItIsSoAlready() {
    FileHost h = FileHost.of74();
    int f = h.file(4, BOTH);
    long user = h.map(f, 4);
    assertThat(h.slot(1, RAM, 4, user, f, 0)).isZero();
    assertThat(h.convert(f, 0, 1, true)).isZero();
    for (long p = 0; p < 4; p++) {
      assertThat(h.write(RAM + p * PAGE, 1)).isZero();
    }
    assertThat(h.mapped()).isEqualTo(5);
    assertThat(h.convert(f, 0, 1, true)).isZero();
    assertThat(h.mapped()).isEqualTo(5);
    assertThat(h.convert(f, 0, 2, true)).isZero();
    assertThat(h.mapped()).isEqualTo(3);
  }

  @Test
  void fact4AttributesLiveWithTheInode() {
    FileHost h = FileHost.of74();
    int f = h.file(4, 0);
    // Neither bound, nor mappable, nor allocated.
    assertThat(h.convert(f, 1, 1, false)).isZero();
    assertThat(h.slot(1, RAM, 4, h.anonymous(4), f, 0)).isZero();
    assertThat(h.write(RAM + PAGE, 5)).isZero();
    assertThat(h.process.fallocate(f, 3, 0, 4 * PAGE)).isZero();
    assertThat(h.process.setUserMemoryRegion2(h.vm, 1, 4, RAM, 0, 0, 0, -1)).isZero();
    assertThat(h.convert(f, 1, 1, false)).isZero();
    int kept = (int) h.process.dup(f);
    assertThat(h.process.close(h.vcpu)).isZero();
    assertThat(h.process.close(h.vm)).isZero();
    assertThat(h.convert(kept, 0, 4, true)).isZero();
    assertThat(h.convert(kept, 0, 4, false)).isZero();
  }

  @Test
  void fact5TheMemoryAtUserspaceAddrIsNeverRead() {
    FileHost h = FileHost.of74();
    int f = h.file(1, BOTH);
    long user = h.anonymous(1);
    assertThat(h.process.hostWrite(user, 77)).isZero();
    assertThat(h.slot(1, RAM, 1, user, f, 0)).isZero();
    assertThat(h.read(RAM)).isZero();
    FileHost plain = FileHost.of74();
    int g = plain.file(1, INIT_SHARED);
    long other = plain.anonymous(1);
    assertThat(plain.process.hostWrite(other, 77)).isZero();
    assertThat(plain.slot(1, RAM, 1, other, g, 0)).isZero();
    assertThat(plain.read(RAM)).isZero();
  }

  @Test
  void fact6AFileOfADefaultVmWithoutInitSharedIsPrivateForEver() {
    FileHost h = FileHost.of("7.4", 0);
    int f = h.file(1, MMAP);
    assertThat(h.slot(1, RAM, 1, h.map(f, 1), f, 0)).isZero();
    assertThat(h.read(RAM)).isEqualTo(EFAULT);
    assertThat(h.run().exitReason()).isEqualTo(39);
    assertThat(h.run().flags()).isZero();
    assertThat(h.prefault(RAM)).isEqualTo(EFAULT);
    assertThat(h.convert(f, 0, 1, false)).isEqualTo(EINVAL);
    int shared = h.file(1, BOTH);
    assertThat(h.slot(2, 2 * RAM, 1, h.map(shared, 1), shared, 0)).isZero();
    assertThat(h.read(2 * RAM)).isZero();
  }

  @Test
  void fact7TheHostAndAPrivatePage() {
    FileHost h = FileHost.of74();
    int f = h.file(4, BOTH);
    long user = h.map(f, 4);
    assertThat(h.slot(1, RAM, 4, user, f, 0)).isZero();
    assertThat(h.process.hostWrite(user, 7)).isZero();
    assertThat(h.process.mlock(user + 2 * PAGE, 2 * PAGE)).isZero();
    assertThat(h.convert(f, 0, 4, true)).isZero();
    assertThat(h.process.hostRead(user)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(h.process.hostWrite(user, 1)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(h.process.forkAndRead(user)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(h.process.madvise(user, PAGE, POPULATE_READ)).isEqualTo(EFAULT);
    assertThat(h.process.madvise(user, PAGE, POPULATE_WRITE)).isEqualTo(EFAULT);
    assertThat(h.process.kernelRead(user, 16)).isEqualTo(EFAULT);
    assertThat(h.process.kernelWrite(user, new byte[16])).isEqualTo(EFAULT);
    assertThat(h.process.spliceIntoPipe(user, PAGE)).isEqualTo(EFAULT);
    assertThat(h.process.mlock(user, PAGE)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(h.map(f, 4)).isPositive();
    assertThat(h.read(RAM)).isEqualTo(7);
    long mapped = h.mapped();
    assertThat(h.process.munlock(user, 4 * PAGE)).isZero();
    assertThat(h.process.madvise(user, 4 * PAGE, DONTNEED)).isZero();
    assertThat(h.mapped()).isEqualTo(mapped - 1);
    assertThat(h.read(RAM)).isEqualTo(7);
    assertThat(h.process.munmap(user, 4 * PAGE)).isZero();
    assertThat(h.mapped()).isEqualTo(mapped - 1);
    assertThat(h.read(RAM)).isEqualTo(7);
  }

  @Test
  void fact8WithItsFileClosedAFrameIsSharedAndHasNoMemory() {
    FileHost h = FileHost.of74();
    int f = h.file(1, 0);
    assertThat(h.slot(1, RAM, 1, h.anonymous(1), f, 0)).isZero();
    assertThat(h.write(RAM, 3)).isZero();
    assertThat(h.process.close(f)).isZero();
    assertThat(h.read(RAM)).isEqualTo(EFAULT);
    assertThat(h.run().flags()).isZero();
    FileHost live = FileHost.of74();
    int g = live.file(1, BOTH);
    long user = live.map(g, 1);
    assertThat(live.slot(1, RAM, 1, user, g, 0)).isZero();
    assertThat(live.write(RAM, 3)).isZero();
    assertThat(live.process.close(g)).isZero();
    assertThat(live.read(RAM)).isEqualTo(3);
    assertThat(live.process.munmap(user, PAGE)).isZero();
    assertThat(live.read(RAM)).isEqualTo(EFAULT);
  }

  @Test
  void fact9APipeHoldsAPageUntilItIsClosed() {
    FileHost h = FileHost.of74();
    int f = h.file(8, BOTH);
    long user = h.map(f, 8);
    assertThat(h.process.spliceIntoPipe(user + 5 * PAGE, 2 * PAGE)).isEqualTo(2 * PAGE);
    assertThat(h.convert(f, 0, 8, true)).isEqualTo(EAGAIN);
    assertThat(h.errorOffset[0]).isEqualTo(5 * PAGE);
    assertThat(h.convert(f, 6, 1, true)).isEqualTo(EAGAIN);
    assertThat(h.errorOffset[0]).isEqualTo(6 * PAGE);
    assertThat(h.convert(f, 0, 5, true)).isZero();
    // To shared nobody's reference matters.
    assertThat(h.convert(f, 0, 8, false)).isZero();
    assertThat(h.process.closePipe()).isZero();
    assertThat(h.convert(f, 0, 8, true)).isZero();
    assertThat(h.errorOffset[0]).isEqualTo(-1);
  }

  @Test
  void fact10AStaleMmioEntryReportsAPrivatePageAsShared() {
    FileHost h = FileHost.of74();
    assertThat(h.read(RAM)).isEqualTo(-1000);
    int f = h.file(2, 0);
    assertThat(h.slot(1, RAM, 2, h.anonymous(2), f, 0)).isZero();
    assertThat(h.read(RAM)).isEqualTo(EFAULT);
    assertThat(h.run().flags()).isZero();
    assertThat(h.write(RAM, 1)).isEqualTo(EFAULT);
    assertThat(h.read(RAM + PAGE)).isZero();
    assertThat(h.prefault(RAM)).isZero();
    assertThat(h.read(RAM)).isZero();
  }

  @Test
  void argumentsAreJudgedInTheKernelsOrder() {
    FileHost h = FileHost.of74();
    int f = h.file(2, 0);
    long[] e = h.errorOffset;
    KvmProcess p = h.process;
    assertThat(p.setMemoryAttributes2Unreadable(f)).isEqualTo(EFAULT);
    assertThat(p.setMemoryAttributes2(f, 0, PAGE, 0, 1, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, 0, PAGE, 9, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, 0, 0, 0, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, -PAGE, 2 * PAGE, 0, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, 1, PAGE, 0, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, 2 * PAGE, PAGE, 0, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(f, PAGE, 2 * PAGE, 0, 0, e)).isEqualTo(EINVAL);
    assertThat(p.setMemoryAttributes2(99, 0, PAGE, 0, 0, e)).isEqualTo(-Errno.EBADF.number());
    assertThat(p.setMemoryAttributes2(h.vm, 0, PAGE, 0, 0, e)).isEqualTo(-Errno.ENOTTY.number());
    assertThat(e[0]).isEqualTo(-1);
  }
}
