package dev.cocovisor.core.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import org.junit.jupiter.api.Test;

/** memfds with seals, descriptors made by fcntl, the heap, and a userfaultfd's descriptor. */
class MemoryFilesTest {
  private static final int ADD_SEALS = 1033;
  private static final int GET_SEALS = 1034;

  private final KvmProcess process = new KvmProcess(new Kvm(HostConfig.DEFAULT, List.of()));
  private final MemoryFiles files = process.memoryFiles();

  private long map(long fd, int prot, int flags) {
    return process.mmap(0, 0x2000, prot, flags, (int) fd, 0);
  }

  @Test
  void memfd_create_knowsItsFlags() {
    assertThat(files.memfdCreate("a", 0x18)).as("both EXEC").isEqualTo(-Errno.EINVAL.number());
    assertThat(files.memfdCreate("a", 1L << 26)).isEqualTo(-Errno.EINVAL.number());
    assertThat(files.memfdCreate("a", 4 | 16L << 26)).isEqualTo(-Errno.ENODEV.number());
    assertThat(files.memfdCreate("a".repeat(250), 0)).isEqualTo(-Errno.EINVAL.number());
    long plain = files.memfdCreate("a", 1);
    assertThat(files.fcntl((int) plain, GET_SEALS, 0)).as("F_SEAL_SEAL").isEqualTo(1);
    assertThat(files.fcntl((int) plain, ADD_SEALS, 2)).isEqualTo(-Errno.EPERM.number());
    long noexec = files.memfdCreate("a", 8);
    assertThat(files.fcntl((int) noexec, GET_SEALS, 0)).as("F_SEAL_EXEC").isEqualTo(32);
  }

  @Test
  void memfd_add_seals_holdsSizesAndStores() {
    int fd = (int) files.memfdCreate("guest", 2);
    assertThat(process.ftruncate(fd, 0x2000)).isZero();
    long at = map(fd, 3, 1);
    assertThat(files.fcntl(fd, ADD_SEALS, 8)).as("mapped").isEqualTo(-Errno.EBUSY.number());
    assertThat(process.munmap(at, 0x2000)).isZero();
    assertThat(files.fcntl(fd, ADD_SEALS, 2 | 4 | 8)).isZero();
    assertThat(process.ftruncate(fd, 0x1000)).isEqualTo(-Errno.EPERM.number());
    assertThat(process.ftruncate(fd, 0x3000)).isEqualTo(-Errno.EPERM.number());
    assertThat(process.fallocate(fd, 3, 0, 0x1000)).isEqualTo(-Errno.EPERM.number());
    assertThat(map(fd, 3, 1)).as("shared, to store").isEqualTo(-Errno.EPERM.number());
    assertThat(map(fd, 3, 2)).as("private").isPositive();
    long loads = map(fd, 1, 1);
    assertThat(loads).isPositive();
    assertThat(process.mprotect(loads, 0x1000, 3)).isEqualTo(-Errno.EACCES.number());
    assertThat(files.fcntl(fd, ADD_SEALS, 64)).isEqualTo(-Errno.EINVAL.number());
  }

  @Test
  void f_dupfd_takesTheLowestFromAnArgumentOn() {
    int fd = (int) files.memfdCreate("guest", 1);
    assertThat(files.fcntl(fd, 0, 40)).isEqualTo(40);
    assertThat(files.fcntl(fd, 0, 40)).isEqualTo(41);
    assertThat(files.fcntl(fd, 1030, 0)).isEqualTo(4);
    assertThat(files.fcntl(fd, 0, -1)).isEqualTo(-Errno.EINVAL.number());
    assertThat(files.fcntl(99, 0, 0)).isEqualTo(-Errno.EBADF.number());
  }

  @Test
  void brk_movesTheEndOfTheHeap() {
    long start = files.brk(0, 0x600000);
    assertThat(start).isEqualTo(0x600000);
    assertThat(files.brk(start + 0x2800, 0)).isEqualTo(start + 0x2800);
    assertThat(process.hostWrite(start + 0x2fff, 1)).isZero();
    assertThat(process.hostWrite(start + 0x3000, 1)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(files.brk(start - 1, 0)).as("below the heap").isEqualTo(start + 0x2800);
    assertThat(files.brk(start + 0x800, 0)).isEqualTo(start + 0x800);
    assertThat(process.hostWrite(start + 0x1000, 1)).isEqualTo(KvmProcess.SIGSEGV);
    long taken = process.mmap(start + 0x4000, 0x1000, 3, 0x100022, -1, 0);
    assertThat(taken).isEqualTo(start + 0x4000);
    assertThat(files.brk(start + 0x4000, 0)).as("a page is left").isEqualTo(start + 0x800);
  }

  @Test
  void userfaultfd_ioctl_wantsItsVersionFirst() {
    int fd = (int) files.userfaultfd(1);
    long at = process.mmap(0, 0x2000, 3, 0x22, -1, 0);
    assertThat(files.userfaultfd(2)).isEqualTo(-Errno.EINVAL.number());
    assertThat(files.uffdRegister(fd, at, 0x2000, 1)).isEqualTo(-Errno.EINVAL.number());
    assertThat(files.uffdApi(fd, 1)).isEqualTo(-Errno.EINVAL.number());
    assertThat(files.uffdApi(fd, 0xaa)).isZero();
    assertThat(files.uffdRegister(fd, at, 0x2000, 1)).isZero();
    assertThat(process.hostRead(at)).isEqualTo(KvmProcess.SIGBUS);
    long src = process.mmap(0, 0x1000, 3, 0x22, -1, 0);
    assertThat(process.hostWrite(src + 8, 77)).isZero();
    assertThat(files.uffdCopy(fd, at, src, 0x1000, 0)).isEqualTo(0x1000);
    assertThat(process.hostRead(at + 8)).isEqualTo(77);
    assertThat(process.close(fd)).isZero();
    assertThat(process.hostRead(at + 0x1000)).as("its end frees the memory").isZero();
  }
}
