package dev.cocovisor.live.trace;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.cocovisor.live.sys.CFunctions;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * ptrace, waitpid and the memory of other processes. All calls must come from the thread that made
 * the object. Results are those of the system calls: at least 0, or the negative error number.
 */
final class Ptrace implements AutoCloseable {
  static final int SIGTRAP = 5;
  static final int SIGCONT = 18;
  static final int SIGSTOP = 19;
  static final int SIGTERM = 15;
  static final int SIGKILL = 9;

  static final int EVENT_FORK = 1;
  static final int EVENT_VFORK = 2;
  static final int EVENT_CLONE = 3;
  static final int EVENT_EXEC = 4;
  static final int EVENT_SECCOMP = 7;
  static final int EVENT_STOP = 128;

  /** How a call of a tracee is told: {@link #syscallInfo}. */
  static final int ENTRY = 1;

  static final int EXIT = 2;
  static final int SECCOMP = 3;

  private static final long CONT = 7;
  private static final long GETREGS = 12;
  private static final long SETREGS = 13;
  private static final long DETACH = 17;
  private static final long SYSCALL = 24;
  private static final long GETEVENTMSG = 0x4201;
  private static final long SEIZE = 0x4206;
  private static final long INTERRUPT = 0x4207;
  private static final long LISTEN = 0x4208;
  private static final long GET_SYSCALL_INFO = 0x420e;

  /** SYSGOOD, FORK, VFORK, CLONE, EXEC, SECCOMP. */
  private static final long OPTIONS = 1 | 2 | 4 | 8 | 16 | 0x80;

  private static final long EXITKILL = 0x100000;
  private static final int WALL = 0x40000000;
  private static final int INFO_SIZE = 128;

  private static final MethodHandle PTRACE =
      CFunctions.errno(
          "ptrace", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle WAITPID =
      CFunctions.errno("waitpid", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle READV = vm("process_vm_readv");
  private static final MethodHandle WRITEV = vm("process_vm_writev");
  private static final MethodHandle KILL =
      CFunctions.errno("kill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SPAWN =
      CFunctions.errno(
          "posix_spawnp",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment errno = arena.allocate(Linker.Option.captureStateLayout());
  private final MemorySegment status = arena.allocate(4, 4);
  private final MemorySegment info = arena.allocate(INFO_SIZE, 8);
  private final MemorySegment vectors = arena.allocate(32, 8);
  private final MemorySegment message = arena.allocate(8, 8);
  private MemorySegment buffer = arena.allocate(4096, 8);

  private static MethodHandle vm(String name) {
    return CFunctions.errno(
        name,
        FunctionDescriptor.of(
            JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG));
  }

  private long ptrace(long request, int pid, long addr, long data) {
    try {
      long r = (long) PTRACE.invokeExact(errno, request, (long) pid, addr, data);
      return r == -1 ? -errno.get(JAVA_INT, 0) : r;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /**
   * Starts a program that stops itself before it runs, with this process's environment and standard
   * streams.
   *
   * @return its pid, or the negative error number
   */
  @SuppressWarnings("restricted")
  int spawnStopped(List<String> command) {
    var words = new java.util.ArrayList<>(List.of("sh", "-c", "kill -STOP $$; exec \"$@\"", "x"));
    words.addAll(command);
    try (Arena a = Arena.ofConfined()) {
      MemorySegment argv = a.allocate(8L * (words.size() + 1), 8);
      for (int i = 0; i < words.size(); i++) {
        argv.setAtIndex(ADDRESS, i, a.allocateFrom(words.get(i)));
      }
      MemorySegment pid = a.allocate(4, 4);
      MemorySegment environment =
          Linker.nativeLinker()
              .defaultLookup()
              .find("environ")
              .orElseThrow()
              .reinterpret(8)
              .get(ADDRESS, 0);
      int r =
          (int)
              SPAWN.invokeExact(
                  errno,
                  pid,
                  a.allocateFrom("sh"),
                  MemorySegment.NULL,
                  MemorySegment.NULL,
                  argv,
                  environment);
      return r == 0 ? pid.get(JAVA_INT, 0) : -r;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /**
   * Begins to trace a thread.
   *
   * @param ours whether it ends with the tracer
   */
  long seize(int tid, boolean ours) {
    return ptrace(SEIZE, tid, 0, OPTIONS | (ours ? EXITKILL : 0));
  }

  void interrupt(int tid) {
    var _ = ptrace(INTERRUPT, tid, 0, 0);
  }

  /** Lets a thread run to its next stop, at every call or at those its filter names. */
  void resume(int tid, boolean everyCall, int signal) {
    var _ = ptrace(everyCall ? SYSCALL : CONT, tid, 0, signal);
  }

  /** Leaves a thread in its group's stop. */
  void listen(int tid) {
    var _ = ptrace(LISTEN, tid, 0, 0);
  }

  void detach(int tid) {
    var _ = ptrace(DETACH, tid, 0, 0);
  }

  void kill(int pid, int signal) {
    try {
      var _ = (int) KILL.invokeExact(errno, pid, signal);
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /** Waits for any tracee: its tid, or the negative error number once there is none. */
  int await() {
    try {
      int r;
      do {
        r = (int) WAITPID.invokeExact(errno, -1, status, WALL);
      } while (r < 0 && errno.get(JAVA_INT, 0) == 4);
      return r < 0 ? -errno.get(JAVA_INT, 0) : r;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /** Returns the status that the last {@link #await} left. */
  int status() {
    return status.get(JAVA_INT, 0);
  }

  /** Returns the tid of the child that a fork, vfork or clone made. */
  int newChild(int tid) {
    var _ = ptrace(GETEVENTMSG, tid, 0, message.address());
    return (int) message.get(JAVA_LONG, 0);
  }

  /**
   * Asks what call a stopped thread makes: {@link #ENTRY}, {@link #EXIT}, {@link #SECCOMP}, or 0.
   */
  int syscallInfo(int tid) {
    info.fill((byte) 0);
    long r = ptrace(GET_SYSCALL_INFO, tid, INFO_SIZE, info.address());
    return r < 0 ? 0 : info.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0);
  }

  /** Returns the AUDIT_ARCH number of the thread. */
  int architecture() {
    return info.get(JAVA_INT, 4);
  }

  long number() {
    return info.get(JAVA_LONG, 24);
  }

  /** Returns argument {@code i}, 0 to 5, of a call that begins. */
  long argument(int i) {
    return info.get(JAVA_LONG, 32 + 8L * i);
  }

  /** Returns the result of a call that ends. */
  long result() {
    return info.get(JAVA_LONG, 24);
  }

  /** Reads the registers of a stopped thread, as the architecture lays them out. */
  long[] registers(int tid, int count) {
    MemorySegment regs = arena.allocate(512, 8);
    long r = ptrace(GETREGS, tid, 0, regs.address());
    long[] out = new long[r < 0 ? 0 : count];
    for (int i = 0; i < out.length; i++) {
      out[i] = regs.getAtIndex(JAVA_LONG, i);
    }
    return out;
  }

  void setRegisters(int tid, long[] values) {
    MemorySegment regs = arena.allocate(512, 8);
    for (int i = 0; i < values.length; i++) {
      regs.setAtIndex(JAVA_LONG, i, values[i]);
    }
    var _ = ptrace(SETREGS, tid, 0, regs.address());
  }

  /** Reads bytes of a process; null if they cannot be read. */
  byte @org.jspecify.annotations.Nullable [] read(int pid, long addr, int len) {
    if (len <= 0 || addr == 0) {
      return null;
    }
    if (buffer.byteSize() < len) {
      buffer = arena.allocate(len, 8);
    }
    return transfer(READV, pid, addr, len) == len
        ? buffer.asSlice(0, len).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)
        : null;
  }

  boolean write(int pid, long addr, byte[] bytes) {
    if (buffer.byteSize() < bytes.length) {
      buffer = arena.allocate(bytes.length, 8);
    }
    MemorySegment.copy(bytes, 0, buffer, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, bytes.length);
    return transfer(WRITEV, pid, addr, bytes.length) == bytes.length;
  }

  private long transfer(MethodHandle handle, int pid, long addr, int len) {
    vectors.set(ADDRESS, 0, buffer);
    vectors.set(JAVA_LONG, 8, len);
    vectors.set(JAVA_LONG, 16, addr);
    vectors.set(JAVA_LONG, 24, len);
    try {
      return (long) handle.invokeExact(errno, pid, vectors, 1L, vectors.asSlice(16), 1L, 0L);
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
