package dev.cocovisor.live.log;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one process did, call by call, in the order in which the calls returned.
 *
 * <p>Descriptors are followed, so that it is known which calls are on KVM's. Whether a mapping has
 * to do with guest memory is known only once a slot was set over it; so calls on mappings are held
 * back and judged by {@link GuestMemoryCalls} when the log is written.
 */
public final class ProcessTrace {
  private static final String LATER_READ = "fallocate ftruncate fstat pread64 pwrite64 read write";

  /** The one request of KVM's that a guest_memfd has. */
  private static final String CONVERTS = "KVM_SET_MEMORY_ATTRIBUTES2";

  private static final long O_CLOEXEC = 0x80000;
  private static final long MFD_CLOEXEC = 1;
  private static final long F_DUPFD = 0;
  private static final long F_SETFD = 2;
  private static final long F_DUPFD_CLOEXEC = 1030;
  private static final long CLOSE_RANGE_CLOEXEC = 4;

  private final OpenFiles files;
  private final List<LogCall> kept = new ArrayList<>();
  private final GuestMemoryCalls memory = new GuestMemoryCalls();
  private final Map<String, Long> undecoded = new TreeMap<>();

  /** Descriptors of pipes that hold pages. */
  private final Set<Long> pipeEnds = new HashSet<>();

  private boolean touchesKvm;
  private long seen;

  /** Begins to trace a process that has nothing open. */
  public ProcessTrace() {
    this(new OpenFiles());
  }

  private ProcessTrace(OpenFiles files) {
    this.files = files;
  }

  /** Returns a trace of a child by fork: it has the same descriptors open. */
  public ProcessTrace forked() {
    return new ProcessTrace(files.forked());
  }

  /** Returns a trace of the program that the process runs next: some descriptors stay open. */
  public ProcessTrace executed() {
    return new ProcessTrace(files.executed());
  }

  /** Tells whether the process ever had to do with KVM, and did something worth replaying. */
  public boolean touchesKvm() {
    return touchesKvm && !kept.isEmpty();
  }

  /** Tells what a descriptor names; null if it was never seen. */
  public @Nullable FileKind kindOf(long fd) {
    return files.kind(fd);
  }

  /**
   * Takes notice of a descriptor that no call of the trace opened.
   *
   * @param how where it came from, in a word or two
   */
  public void arrived(long fd, FileKind kind, String how) {
    files.arrived(fd, kind, how);
    touchesKvm |= kind.isKvm();
  }

  /**
   * A pipe holds pages of the process until the last descriptor of it is closed.
   *
   * @param pipe its descriptors
   */
  public void held(List<Long> pipe) {
    pipeEnds.addAll(pipe);
  }

  /** Returns the calls that were given, kept or not. */
  public long calls() {
    return seen;
  }

  /** Returns how many calls of each kind hold an address where their structure should be. */
  public Map<String, Long> undecoded() {
    return undecoded;
  }

  /** Returns what is worth replaying, each call with what the model needs to know. */
  public List<LogCall> lines() {
    return memory.judged(kept);
  }

  /** Takes notice of a call that nobody needs to look at. */
  public void skipped() {
    seen++;
  }

  /** Takes the next call. */
  public void add(TracedCall traced) {
    seen++;
    LogCall call = traced.call();
    switch (call.name()) {
      case "openat", "open" -> open(call);
      case "close" -> close(call);
      case "close_range" -> closeRange(call);
      case "dup", "dup2", "dup3" -> dup(call, !hasFlag(call, 2, O_CLOEXEC, "O_CLOEXEC"));
      case "fcntl" -> fcntl(call);
      case "memfd_create" -> {
        bind(call.result(), FileKind.MEMFD, !hasFlag(call, 1, MFD_CLOEXEC, "MFD_CLOEXEC"));
        kept.add(call);
      }
      case "ioctl" -> ioctl(traced);
      case "newfstatat" -> stat(call);
      case "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "munlock" -> map(traced);
      case "vmsplice" -> kept.add(call);
      case "mlock2" -> {
        // With its flag memory is locked when it is touched, which the model leaves out.
        if (number(call.args(), 2) == 0) {
          map(new TracedCall(mlock(call), traced.path(), ""));
        }
      }
      default -> {
        if (call.name().startsWith("guest_")) {
          kept.add(call);
        } else if (LATER_READ.contains(call.name())) {
          ofFile(traced);
        }
      }
    }
  }

  private static long number(List<Value> args, int i) {
    Long n = i < args.size() ? Symbols.number(args.get(i)) : null;
    return n == null ? -1 : n;
  }

  private static boolean hasFlag(LogCall call, int arg, long bit, String name) {
    if (arg >= call.args().size()) {
      return false;
    }
    Value flags = call.args().get(arg);
    List<Value> parts = flags instanceof Value.Flags f ? f.parts() : List.of(flags);
    for (Value part : parts) {
      Long n = Symbols.number(part);
      if (part instanceof Value.Sym s ? s.name().equals(name) : n != null && (n & bit) != 0) {
        return true;
      }
    }
    return false;
  }

  private void bind(@Nullable LogResult result, FileKind kind, boolean overExec) {
    Long fd = result == null || result.isError() ? null : Symbols.number(result.value());
    if (fd != null && fd >= 0) {
      files.opened(fd, kind, overExec);
    }
  }

  /** Keeps a call, behind the line that opens its descriptor if none did. */
  private void keep(long fd, LogCall call) {
    kept.addAll(files.told(fd, call.line()));
    kept.add(call);
  }

  private void open(LogCall call) {
    int path = call.name().equals("open") ? 0 : 1;
    boolean kvm =
        path < call.args().size()
            && call.args().get(path) instanceof Value.Str s
            && s.text().equals("/dev/kvm");
    bind(
        call.result(),
        kvm ? FileKind.DEVICE : FileKind.OTHER,
        !hasFlag(call, path + 1, O_CLOEXEC, "O_CLOEXEC"));
    if (kvm) {
      touchesKvm = true;
      kept.add(call);
    }
  }

  private void close(LogCall call) {
    long fd = number(call.args(), 0);
    if (isOurs(fd) && files.isTold(fd)) {
      kept.add(call);
    }
    files.closed(fd);
    pipeClosed(fd, call);
  }

  /** The model has one pipe: it lets its pages go once none is open any more. */
  private void pipeClosed(long fd, LogCall call) {
    if (pipeEnds.remove(fd) && pipeEnds.isEmpty()) {
      kept.add(
          new LogCall(
              call.line(),
              "close",
              List.of(new Value.Sym("pipe")),
              List.of(),
              LogResult.of(Value.Num.of(0)),
              ""));
    }
  }

  private boolean isOurs(long fd) {
    FileKind kind = files.kind(fd);
    return kind != null && kind != FileKind.OTHER;
  }

  private void closeRange(LogCall call) {
    LogResult result = call.result();
    if (result == null || result.isError()) {
      return;
    }
    long last = number(call.args(), 1);
    for (long fd : files.between(number(call.args(), 0), last < 0 ? Integer.MAX_VALUE : last)) {
      if (hasFlag(call, 2, CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")) {
        files.overExec(fd, false);
      } else {
        closed(fd, call);
      }
    }
  }

  /** Another call than close closed a descriptor. */
  private void closed(long fd, LogCall by) {
    if (isOurs(fd) && files.isTold(fd)) {
      kept.add(
          new LogCall(
              by.line(),
              "close",
              List.of(Value.Num.of(fd)),
              List.of(),
              LogResult.of(Value.Num.of(0)),
              "by " + by.name()));
    }
    files.closed(fd);
    pipeClosed(fd, by);
  }

  private void fcntl(LogCall call) {
    long command = number(call.args(), 1);
    if (call.args().size() > 1 && call.args().get(1) instanceof Value.Sym s) {
      command =
          switch (s.name()) {
            case "F_DUPFD" -> F_DUPFD;
            case "F_DUPFD_CLOEXEC" -> F_DUPFD_CLOEXEC;
            case "F_SETFD" -> F_SETFD;
            default -> -1;
          };
    }
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
      dup(call, command == F_DUPFD);
    } else if (command == F_SETFD) {
      boolean closes = hasFlag(call, 2, 1, "FD_CLOEXEC");
      files.overExec(number(call.args(), 0), !closes);
    }
  }

  /** Whatever way a descriptor is doubled, the notation has one word for it. */
  private void dup(LogCall call, boolean overExec) {
    long fd = number(call.args(), 0);
    FileKind kind = kind(fd, "");
    LogResult result = call.result();
    Long made = result == null || result.isError() ? null : Symbols.number(result.value());
    if (made == null || made == fd) {
      return;
    }
    closed(made, call);
    files.opened(made, kind, overExec);
    if (kind != FileKind.OTHER) {
      keep(
          fd,
          new LogCall(call.line(), "dup", List.of(call.args().getFirst()), List.of(), result, ""));
    }
  }

  private FileKind kind(long fd, String path) {
    FileKind known = files.kind(fd);
    if (known == null) {
      known = FileKind.ofPath(path);
      if (known != null) {
        files.arrived(fd, known, "open before the log");
      }
    }
    return known == null ? FileKind.OTHER : known;
  }

  private void ioctl(TracedCall traced) {
    LogCall call = traced.call();
    String request = call.args().size() > 1 ? Symbols.ioctlName(call.args().get(1)) : null;
    long fd = number(call.args(), 0);
    if (request == null) {
      return;
    }
    FileKind kind = kind(fd, traced.path());
    if (kind == FileKind.OTHER && files.kind(fd) == null && request.startsWith("KVM_")) {
      // Nobody else's requests have KVM's names: it is a descriptor from before the trace.
      kind = FileKind.ofRequest(request);
      if (kind != FileKind.OTHER) {
        files.arrived(fd, kind, "open before the log");
      }
    }
    boolean converts = kind == FileKind.GUEST_MEMFD && request.equals(CONVERTS);
    if (!kind.isKvm() && !converts) {
      return;
    }
    touchesKvm = true;
    var args = new ArrayList<>(call.args());
    args.set(1, new Value.Sym(request));
    if (request.startsWith("0x")) {
      args.set(1, call.args().get(1));
    }
    LogCall named = call.withArgs(List.copyOf(args));
    switch (request) {
      case "KVM_CREATE_VM" -> bind(call.result(), FileKind.VM, false);
      case "KVM_CREATE_VCPU" -> bind(call.result(), FileKind.VCPU, false);
      case "KVM_CREATE_GUEST_MEMFD" -> bind(call.result(), FileKind.GUEST_MEMFD, false);
      case "KVM_GET_STATS_FD" -> bind(call.result(), FileKind.STATS, false);
      default -> {}
    }
    if (decoded(named) == null) {
      undecoded.merge(request, 1L, Long::sum);
    }
    keep(fd, named);
  }

  static @Nullable KvmCall decoded(LogCall call) {
    try {
      return CallDecoder.decode("", call, Words.KERNEL);
    } catch (LogSyntaxException _) {
      return null;
    }
  }

  private void stat(LogCall call) {
    long fd = number(call.args(), 0);
    boolean ofDescriptor =
        call.args().size() > 2 && call.args().get(1) instanceof Value.Str s && s.text().isEmpty();
    if (ofDescriptor && files.kind(fd) == FileKind.GUEST_MEMFD) {
      kept.add(
          new LogCall(
              call.line(),
              "fstat",
              List.of(call.args().get(0), call.args().get(2)),
              List.of(),
              call.result(),
              ""));
    }
  }

  private void ofFile(TracedCall traced) {
    LogCall call = traced.call();
    long fd = number(call.args(), 0);
    FileKind kind = kind(fd, traced.path());
    // The bytes of a memfd are not the model's: what is compared is how it allocates.
    boolean contents = call.name().contains("read") || call.name().contains("write");
    if (kind == FileKind.GUEST_MEMFD
        || (kind == FileKind.MEMFD && !contents)
        || (kind.isKvm() && !call.name().equals("write"))) {
      keep(fd, call);
      if (call.name().equals("ftruncate")) {
        files.sized(fd, number(call.args(), 1));
      }
    }
  }

  private static LogCall mlock(LogCall call) {
    return new LogCall(
        call.line(), "mlock", call.args().subList(0, 2), List.of(), call.result(), "");
  }

  private void map(TracedCall traced) {
    LogCall call = traced.call();
    if (!call.name().equals("mmap")) {
      kept.add(call);
      return;
    }
    long fd = number(call.args(), 4);
    FileKind kind = fd < 0 ? null : kind(fd, traced.mapped());
    if (kind == FileKind.GUEST_MEMFD) {
      memory.guestMemory(call);
    }
    if (kind == FileKind.MEMFD) {
      kept.addAll(files.told(fd, call.line()));
      kept.addAll(files.grown(fd, number(call.args(), 5) + number(call.args(), 1), call.line()));
    }
    if (kind == null || kind == FileKind.GUEST_MEMFD || kind == FileKind.MEMFD) {
      kept.add(call);
    } else if (kind == FileKind.OTHER) {
      kept.add(GuestMemoryCalls.anonymous(call));
    }
  }
}
