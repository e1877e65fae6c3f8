package dev.cocovisor.live.sys;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Functions of this machine's C library. Results are those of the system calls: at least 0, or the
 * negative number of the error.
 *
 * <p>One instance serves one thread at a time.
 */
public final class Libc implements AutoCloseable {
  /** Opens for reading only. */
  public static final int O_RDONLY = 0;

  /** Opens for reading and writing. */
  public static final int O_RDWR = 2;

  /** A descriptor that other programs do not inherit. */
  public static final int O_CLOEXEC = 0x80000;

  private static final int MFD_CLOEXEC = 1;
  private static final int MFD_EXEC = 0x10;
  private static final int EINVAL = 22;
  private static final int SIGKILL = 9;
  private static final short POLLIN = 1;

  /** Larger than glibc's and musl's posix_spawn_file_actions_t. */
  private static final long FILE_ACTIONS_SIZE = 128;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());

  /** Tells whether this machine is one that these functions are for. */
  public static boolean isLinux() {
    return System.getProperty("os.name", "").equals("Linux");
  }

  /** Opens a file. */
  public int open(String path, int flags) {
    return (int) result(Handles.OPEN, (e, f) -> (int) f.invokeExact(e, string(path), flags));
  }

  /** Closes a descriptor. */
  public int close(int fd) {
    return (int) result(Handles.CLOSE, (e, f) -> (int) f.invokeExact(e, fd));
  }

  /** An ioctl whose argument is a number. */
  public int ioctl(int fd, long request, long arg) {
    return (int) result(Handles.IOCTL, (e, f) -> (int) f.invokeExact(e, fd, request, arg));
  }

  /** Makes an anonymous file that a program can be started from. */
  public int memfd(String name) {
    int fd = memfd(name, MFD_CLOEXEC | MFD_EXEC);
    // Kernels before 6.3 have no such flag, and need none.
    return fd == -EINVAL ? memfd(name, MFD_CLOEXEC) : fd;
  }

  private int memfd(String name, int flags) {
    return (int)
        result(Handles.MEMFD_CREATE, (e, f) -> (int) f.invokeExact(e, string(name), flags));
  }

  /** Sets the size of a file. */
  public int ftruncate(int fd, long size) {
    return (int) result(Handles.FTRUNCATE, (e, f) -> (int) f.invokeExact(e, fd, size));
  }

  /** Maps a file's bytes, shared with everyone who maps it; unmap them with the result's arena. */
  @SuppressWarnings("restricted")
  public MemorySegment map(int fd, long size, Arena owner) {
    // PROT_READ|PROT_WRITE, MAP_SHARED
    long at = result(Handles.MMAP, (e, f) -> (long) f.invokeExact(e, 0L, size, 3, 1, fd, 0L));
    if (at < 0 && at > -4096) {
      throw new IllegalStateException("mmap of " + size + " bytes: errno " + -at);
    }
    return MemorySegment.ofAddress(at)
        .reinterpret(
            size,
            owner,
            s -> {
              try {
                var _ = (int) Handles.MUNMAP.invokeExact(s.address(), size);
              } catch (Throwable t) {
                throw new AssertionError(t);
              }
            });
  }

  /** Makes a pipe whose ends other programs do not inherit. */
  public int pipe(int[] ends) {
    try (Arena a = Arena.ofConfined()) {
      MemorySegment fds = a.allocate(8, 8);
      int r = (int) result(Handles.PIPE2, (e, f) -> (int) f.invokeExact(e, fds, O_CLOEXEC));
      ends[0] = fds.get(JAVA_INT, 0);
      ends[1] = fds.get(JAVA_INT, 4);
      return r;
    }
  }

  /** Writes bytes. */
  public long write(int fd, MemorySegment bytes) {
    return result(Handles.WRITE, (e, f) -> (long) f.invokeExact(e, fd, bytes, bytes.byteSize()));
  }

  /** Reads bytes. */
  public long read(int fd, MemorySegment bytes) {
    return result(Handles.READ, (e, f) -> (long) f.invokeExact(e, fd, bytes, bytes.byteSize()));
  }

  /**
   * Waits until a descriptor can be read, or its other end is closed.
   *
   * @return 0 if the time ran out first, 1 otherwise
   */
  public int poll(int fd, int millis) {
    try (Arena a = Arena.ofConfined()) {
      MemorySegment p = a.allocate(8, 8);
      p.set(JAVA_INT, 0, fd);
      p.set(java.lang.foreign.ValueLayout.JAVA_SHORT, 4, POLLIN);
      return (int) result(Handles.POLL, (e, f) -> (int) f.invokeExact(e, p, 1L, millis));
    }
  }

  /**
   * Starts a program with no arguments and no environment.
   *
   * @param fds pairs: a descriptor of this process, the number it shall have in the new one
   * @return its pid, or the negative number of the error
   */
  public int spawn(String path, int[][] fds) {
    try (Arena a = Arena.ofConfined()) {
      MemorySegment actions = a.allocate(FILE_ACTIONS_SIZE, 16);
      MemorySegment pid = a.allocate(4, 4);
      MemorySegment argv = a.allocate(16, 8);
      MemorySegment name = a.allocateFrom(path);
      argv.set(ADDRESS, 0, name);
      MemorySegment environment = argv.asSlice(8, 8);
      try {
        int r = (int) Handles.ACTIONS_INIT.invokeExact(actions);
        for (int[] pair : fds) {
          r = r != 0 ? r : (int) Handles.ACTIONS_DUP2.invokeExact(actions, pair[0], pair[1]);
        }
        if (r == 0) {
          r =
              (int)
                  Handles.SPAWN.invokeExact(
                      pid, name, actions, MemorySegment.NULL, argv, environment);
        }
        var _ = (int) Handles.ACTIONS_DESTROY.invokeExact(actions);
        return r == 0 ? pid.get(JAVA_INT, 0) : -r;
      } catch (Throwable t) {
        throw new AssertionError(t);
      }
    }
  }

  /** Ends a process of ours at once and waits until it is gone. */
  public void end(int pid) {
    var _ = result(Handles.KILL, (e, f) -> (int) f.invokeExact(e, pid, SIGKILL));
    try (Arena a = Arena.ofConfined()) {
      MemorySegment status = a.allocate(4, 4);
      var _ = result(Handles.WAITPID, (e, f) -> (int) f.invokeExact(e, pid, status, 0));
    }
  }

  private MemorySegment string(String text) {
    return arena.allocateFrom(text);
  }

  private long result(MethodHandle handle, Call call) {
    try {
      long r = call.on(state, handle);
      return r == -1 ? -state.get(JAVA_INT, 0) : r;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  @Override
  public void close() {
    arena.close();
  }

  @FunctionalInterface
  private interface Call {
    long on(MemorySegment errno, MethodHandle function) throws Throwable;
  }

  /** Looked up with first use, so that a machine without them can still load this class. */
  private static final class Handles {
    static final MethodHandle OPEN =
        CFunctions.errno("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    static final MethodHandle CLOSE =
        CFunctions.errno("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    static final MethodHandle IOCTL =
        CFunctions.errno(
            "ioctl",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(2));
    static final MethodHandle MEMFD_CREATE =
        CFunctions.errno("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    static final MethodHandle FTRUNCATE =
        CFunctions.errno("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    static final MethodHandle MMAP =
        CFunctions.errno(
            "mmap",
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    static final MethodHandle MUNMAP =
        CFunctions.plain("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    static final MethodHandle PIPE2 =
        CFunctions.errno("pipe2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    static final MethodHandle WRITE =
        CFunctions.errno("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    static final MethodHandle READ =
        CFunctions.errno("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    static final MethodHandle POLL =
        CFunctions.errno("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    static final MethodHandle KILL =
        CFunctions.errno("kill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    static final MethodHandle WAITPID =
        CFunctions.errno("waitpid", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    static final MethodHandle ACTIONS_INIT =
        CFunctions.plain("posix_spawn_file_actions_init", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    static final MethodHandle ACTIONS_DESTROY =
        CFunctions.plain(
            "posix_spawn_file_actions_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    static final MethodHandle ACTIONS_DUP2 =
        CFunctions.plain(
            "posix_spawn_file_actions_adddup2",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    static final MethodHandle SPAWN =
        CFunctions.plain(
            "posix_spawn",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));

    private Handles() {}
  }
}
