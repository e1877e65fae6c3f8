package dev.cocovisor.live.agent;

/** The system calls that an agent is asked for. */
public enum Syscall {
  READ(0, 63),
  WRITE(1, 64),
  OPENAT(257, 56),
  CLOSE(3, 57),
  FSTAT(5, 80),
  MMAP(9, 222),
  MPROTECT(10, 226),
  MUNMAP(11, 215),
  RT_SIGACTION(13, 134),
  IOCTL(16, 29),
  PREAD64(17, 67),
  PWRITE64(18, 68),
  MREMAP(25, 216),
  MADVISE(28, 233),
  DUP(32, 23),
  SETITIMER(38, 103),
  WAIT4(61, 260),
  FTRUNCATE(77, 46),
  MLOCK(149, 228),
  MUNLOCK(150, 229),
  SETRLIMIT(160, 164),
  VMSPLICE(278, 75),
  FALLOCATE(285, 47),
  PIPE2(293, 59),
  MEMFD_CREATE(319, 279),
  CLOSE_RANGE(436, 436);

  private final int x86;
  private final int arm64;

  Syscall(int x86, int arm64) {
    this.x86 = x86;
    this.arm64 = arm64;
  }

  int x86() {
    return x86;
  }

  int arm64() {
    return arm64;
  }
}
