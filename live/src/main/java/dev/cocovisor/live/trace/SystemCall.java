package dev.cocovisor.live.trace;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The system calls that a recorder looks at, with their numbers on x86-64 and arm64. Source: Linux
 * 7.3, {@code arch/x86/entry/syscalls/syscall_64.tbl} and {@code scripts/syscall.tbl}.
 */
enum SystemCall {
  IOCTL(16, 29),
  OPEN(2, -1),
  OPENAT(257, 56),
  CLOSE(3, 57),
  DUP(32, 23),
  DUP2(33, -1),
  DUP3(292, 24),
  FCNTL(72, 25),
  MEMFD_CREATE(319, 279),
  MMAP(9, 222),
  MUNMAP(11, 215),
  MREMAP(25, 216),
  MPROTECT(10, 226),
  MADVISE(28, 233),
  MLOCK(149, 228),
  MUNLOCK(150, 229),
  FALLOCATE(285, 47),
  FTRUNCATE(77, 46),
  FSTAT(5, 80),
  NEWFSTATAT(262, 79),
  PREAD64(17, 67),
  PWRITE64(18, 68),
  CLOSE_RANGE(436, 436),
  RECVMSG(47, 212),
  PIDFD_GETFD(438, 438),
  VMSPLICE(278, 75);

  static final int AUDIT_ARCH_X86_64 = 0xc000003e;
  static final int AUDIT_ARCH_AARCH64 = 0xc00000b7;

  private static final Map<Integer, SystemCall> X86 = new HashMap<>();
  private static final Map<Integer, SystemCall> ARM = new HashMap<>();

  static {
    for (SystemCall c : values()) {
      X86.put(c.x86, c);
      if (c.arm >= 0) {
        ARM.put(c.arm, c);
      }
    }
  }

  private final int x86;
  private final int arm;

  SystemCall(int x86, int arm) {
    this.x86 = x86;
    this.arm = arm;
  }

  /** Returns the number on x86-64. */
  int onX86() {
    return x86;
  }

  /** Returns the call of a number; null if nobody looks at it. */
  static @Nullable SystemCall of(int architecture, long number) {
    return switch (architecture) {
      case AUDIT_ARCH_X86_64 -> X86.get((int) number);
      case AUDIT_ARCH_AARCH64 -> ARM.get((int) number);
      default -> null;
    };
  }
}
