package dev.cocovisor.live.agent;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.cocovisor.live.sys.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A process that carries out system calls and memory accesses one by one. Close it, which ends it
 * and all it opened and mapped.
 *
 * <p>Besides its own code, the memory it shares with this process and the kernel's data page its
 * address space is empty. Not thread-safe.
 */
public final class Agent implements AutoCloseable {
  /** Where the shared memory lies in the agent. */
  public static final long SHARED = 0x1c_0d00_0000L;

  /** Where callers may put structures, from {@link #SHARED} on. */
  public static final long SCRATCH = 0x10000;

  /** An access that met a bus error. */
  public static final long SIGBUS = -0x10000 - 7;

  /** An access that met no mapping, or not one for it. */
  public static final long SIGSEGV = -0x10000 - 11;

  /** Where the model has the kernel's data page of each process. */
  private static final long VVAR = 0x7fff_f7fb_c000L;

  private static final long SIZE = 0x1000000;
  private static final long SYSCALL = 0;
  private static final long COPY = 1;
  private static final long CHILD = 2;
  private static final long SA_SIGINFO = 4;
  private static final long SA_RESTORER = 0x4000000;
  private static final int ITIMER_REAL = 0;

  private final Libc libc = new Libc();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment request = arena.allocate(8, 8);
  private final AgentArch processor;
  private final AgentFile program;
  private final int pid;
  private final int ask;
  private final int answer;
  private final MemorySegment shared;
  private final int timeoutMillis;
  private boolean ended;

  private Agent(AgentArch processor, int timeoutMillis) {
    this.processor = processor;
    this.timeoutMillis = timeoutMillis;
    this.program = new AgentFile(processor);
    int image = ok("memfd_create", libc.memfd("cocovisor-agent"));
    byte[] file = program.file();
    try (Arena a = Arena.ofConfined()) {
      MemorySegment bytes = a.allocate(file.length);
      MemorySegment.copy(file, 0, bytes, JAVA_BYTE, 0, file.length);
      var _ = ok("write", (int) libc.write(image, bytes));
    }
    int memory = ok("memfd_create", libc.memfd("cocovisor-memory"));
    var _ = ok("ftruncate", libc.ftruncate(memory, SIZE));
    shared = libc.map(memory, SIZE, arena);
    int[] to = new int[2];
    int[] from = new int[2];
    var _ = ok("pipe2", libc.pipe(to));
    var _ = ok("pipe2", libc.pipe(from));
    // Copies with high numbers first: the target of one pair may be the source of another.
    pid =
        ok(
            "posix_spawn",
            libc.spawn(
                "/proc/self/fd/" + image,
                new int[][] {
                  {to[0], 1000}, {from[1], 1001}, {memory, 1002}, {1000, 0}, {1001, 1}, {1002, 3}
                }));
    for (int fd : new int[] {image, memory, to[0], from[1]}) {
      var _ = libc.close(fd);
    }
    ask = to[1];
    answer = from[0];
  }

  private static int ok(String what, int result) {
    if (result < 0) {
      throw new AgentException(what + " failed with errno " + -result, false);
    }
    return result;
  }

  /**
   * Starts an agent.
   *
   * @param timeoutMillis how long one call may take
   * @throws AgentException if this machine cannot start it
   */
  public static Agent start(int timeoutMillis) {
    AgentArch processor = AgentArch.ofThisMachine();
    if (processor == null || !Libc.isLinux()) {
      throw new AgentException(
          "there is no code for this machine: Linux on x86-64 or arm64 expected", false);
    }
    var agent = new Agent(processor, timeoutMillis);
    agent.settle();
    return agent;
  }

  /** Makes signals answers, and gives back what the kernel mapped and what was inherited. */
  private void settle() {
    MemorySegment act = scratch();
    act.set(JAVA_LONG, 0, program.address("handler"));
    act.set(JAVA_LONG, 8, SA_SIGINFO | SA_RESTORER);
    act.set(JAVA_LONG, 16, program.address("restorer"));
    act.set(JAVA_LONG, 24, 0);
    for (int signal : new int[] {7, 11}) {
      var _ = call(Syscall.RT_SIGACTION, signal, scratchAddress(), 0, 8);
    }
    var _ = call(Syscall.CLOSE_RANGE, 4, 0xffffffffL, 0);
    for (Mapped m : mapped()) {
      // vsyscall lies in the kernel's half and stays.
      if (m.start() != AgentFile.CODE && m.start() != SHARED && m.start() >= 0) {
        settle(m);
      }
    }
  }

  /**
   * The kernel's data page goes where the model has it, since programs meet it in what is no memory
   * to be advised; the stack and the rest go.
   */
  private void settle(Mapped m) {
    long size = m.end() - m.start();
    // MREMAP_MAYMOVE|MREMAP_FIXED
    boolean moved =
        m.name().equals("[vvar]")
            && processor == AgentArch.X86_64
            && call(Syscall.MREMAP, m.start(), size, size, 3, VVAR) == VVAR;
    if (!moved) {
      var _ = call(Syscall.MUNMAP, m.start(), size);
    }
  }

  /**
   * One line of the agent's /proc/PID/maps.
   *
   * @param start the first address
   * @param end the address behind the last
   * @param name a file or what the kernel calls it; empty for anonymous memory
   */
  public record Mapped(long start, long end, String name) {
    static Mapped of(String line) {
      String[] parts = line.split("\\s+", 6);
      int dash = parts[0].indexOf('-');
      return new Mapped(
          Long.parseUnsignedLong(parts[0].substring(0, dash), 16),
          Long.parseUnsignedLong(parts[0].substring(dash + 1), 16),
          parts.length > 5 ? parts[5] : "");
    }
  }

  /** Returns everything the agent has mapped. */
  public List<Mapped> mapped() {
    try {
      return Files.readAllLines(Path.of("/proc/" + pid + "/maps"), StandardCharsets.UTF_8).stream()
          .map(Mapped::of)
          .toList();
    } catch (IOException e) {
      throw new AgentException("cannot read /proc/" + pid + "/maps: " + e.getMessage(), false);
    }
  }

  /** Returns the processor whose code it runs. */
  public AgentArch processor() {
    return processor;
  }

  /** Returns the memory for structures, as this process sees it. */
  public MemorySegment scratch() {
    return shared.asSlice(SCRATCH);
  }

  /** Returns the address of {@link #scratch} in the agent. */
  public long scratchAddress() {
    return SHARED + SCRATCH;
  }

  /**
   * Makes a system call.
   *
   * @return its result, or the negative number of the error
   * @throws AgentException if it does not return in time; the agent is ended
   */
  public long call(Syscall call, long... args) {
    for (int i = 0; i < 6; i++) {
      shared.set(JAVA_LONG, 16 + 8L * i, i < args.length ? args[i] : 0);
    }
    shared.set(JAVA_LONG, 8, processor.numberOf(call));
    return ask(SYSCALL, call.name());
  }

  /**
   * Copies memory by plain loads and stores.
   *
   * @return 0, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  public long copy(long to, long from, long length) {
    shared.set(JAVA_LONG, 16, to);
    shared.set(JAVA_LONG, 24, from);
    shared.set(JAVA_LONG, 32, length);
    return ask(COPY, "copy");
  }

  /** Loads a byte; 0 to 255 or a signal. */
  public long load(long address) {
    long r = copy(scratchAddress(), address, 1);
    return r < 0 ? r : scratch().get(JAVA_BYTE, 0) & 0xff;
  }

  /** Stores a byte; 0 or a signal. */
  public long store(long address, int value) {
    scratch().set(JAVA_BYTE, 0, (byte) value);
    return copy(address, scratchAddress(), 1);
  }

  /**
   * Forks; the child loads a byte and ends with it as its status, with 201 if it cannot.
   *
   * @return the status as wait4 gives it, or the negative number of an error
   */
  public long childLoads(long address) {
    shared.set(JAVA_LONG, 16, address);
    long child = ask(CHILD, "fork");
    if (child < 0) {
      return child;
    }
    long r = call(Syscall.WAIT4, child, scratchAddress(), 0, 0);
    return r < 0 ? r : scratch().get(java.lang.foreign.ValueLayout.JAVA_INT, 0);
  }

  /**
   * Ends the agent by itself after some seconds, whatever it is doing and whoever is left to ask.
   */
  public void endsAfter(long seconds) {
    MemorySegment timer = scratch();
    timer.set(JAVA_LONG, 0, 0);
    timer.set(JAVA_LONG, 8, 0);
    timer.set(JAVA_LONG, 16, seconds);
    timer.set(JAVA_LONG, 24, 0);
    var _ = call(Syscall.SETITIMER, ITIMER_REAL, scratchAddress(), 0);
  }

  private long ask(long what, String name) {
    if (ended) {
      throw new AgentException("the agent has ended", false);
    }
    request.set(JAVA_LONG, 0, what);
    if (libc.write(ask, request) != 8) {
      throw died(name);
    }
    int ready = libc.poll(answer, timeoutMillis);
    if (ready == 0) {
      close();
      throw new AgentException(
          name + " did not return within " + timeoutMillis / 1000.0 + " s", true);
    }
    if (libc.read(answer, request) != 8) {
      throw died(name);
    }
    return shared.get(JAVA_LONG, 8);
  }

  private AgentException died(String name) {
    close();
    return new AgentException("the agent died in " + name, false);
  }

  @Override
  public void close() {
    if (!ended) {
      ended = true;
      libc.end(pid);
      var _ = libc.close(ask);
      var _ = libc.close(answer);
      arena.close();
      libc.close();
    }
  }
}
