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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one process did, call by call, in the order in which the calls returned.
 *
 * <p>Descriptors are followed, so that it is known which calls are on KVM's. Whether a mapping has
 * to do with guest memory is known only once a slot was set over it; so calls on mappings are held
 * back and judged by {@link MemoryCalls} when the log is written.
 */
public final class ProcessTrace {
  private static final String LATER_READ = "fallocate ftruncate fstat pread64 pwrite64 read write";

  private final Map<Long, FileKind> files = new HashMap<>();
  private final List<LogCall> kept = new ArrayList<>();
  private final MemoryCalls memory = new MemoryCalls();
  private final Map<String, Long> undecoded;
  private boolean touchesKvm;
  private long seen;

  /** Begins to trace a process that has nothing open. */
  public ProcessTrace() {
    this(new TreeMap<>());
  }

  private ProcessTrace(Map<String, Long> undecoded) {
    this.undecoded = undecoded;
  }

  /** Returns a trace of a child by fork: it has the same descriptors open. */
  public ProcessTrace forked() {
    var child = new ProcessTrace();
    child.files.putAll(files);
    return child;
  }

  /** Tells whether the process ever had to do with KVM. */
  public boolean touchesKvm() {
    return touchesKvm;
  }

  /** Tells what a descriptor names; null if it was never seen. */
  public @Nullable FileKind kindOf(long fd) {
    return files.get(fd);
  }

  /** Takes notice of a descriptor that was open before the first call. */
  public void opened(long fd, FileKind kind) {
    files.put(fd, kind);
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
      case "dup", "dup2", "dup3" -> dup(call);
      case "fcntl" -> {
        if (call.args().size() > 1
            && call.args().get(1) instanceof Value.Sym s
            && s.name().startsWith("F_DUPFD")) {
          dup(call);
        }
      }
      case "memfd_create" -> {
        bind(call.result(), FileKind.MEMFD);
        kept.add(call);
      }
      case "ioctl" -> ioctl(traced);
      case "newfstatat" -> stat(call);
      case "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "munlock" -> map(traced);
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

  private void bind(@Nullable LogResult result, FileKind kind) {
    Long fd = result == null || result.isError() ? null : Symbols.number(result.value());
    if (fd != null && fd >= 0) {
      files.put(fd, kind);
    }
  }

  private void open(LogCall call) {
    int path = call.name().equals("open") ? 0 : 1;
    boolean kvm =
        path < call.args().size()
            && call.args().get(path) instanceof Value.Str s
            && s.text().equals("/dev/kvm");
    bind(call.result(), kvm ? FileKind.DEVICE : FileKind.OTHER);
    if (kvm) {
      touchesKvm = true;
      kept.add(call);
    }
  }

  private void close(LogCall call) {
    long fd = number(call.args(), 0);
    FileKind kind = files.get(fd);
    if (kind != null && kind != FileKind.OTHER) {
      kept.add(call);
    }
    files.remove(fd);
  }

  /** Whatever way a descriptor is doubled, the notation has one word for it. */
  private void dup(LogCall call) {
    long fd = number(call.args(), 0);
    FileKind kind = files.getOrDefault(fd, FileKind.OTHER);
    LogResult result = call.result();
    Long made = result == null || result.isError() ? null : Symbols.number(result.value());
    if (made == null || made == fd) {
      return;
    }
    FileKind replaced = files.get(made);
    if (replaced != null && replaced != FileKind.OTHER) {
      kept.add(
          new LogCall(
              call.line(),
              "close",
              List.of(Value.Num.of(made)),
              List.of(),
              LogResult.of(Value.Num.of(0)),
              "by " + call.name()));
    }
    files.put(made, kind);
    if (kind != FileKind.OTHER) {
      kept.add(
          new LogCall(call.line(), "dup", List.of(call.args().getFirst()), List.of(), result, ""));
    }
  }

  private FileKind kind(long fd, String path) {
    FileKind known = files.get(fd);
    if (known == null) {
      // Opened before the trace began, or handed over by another process.
      known = FileKind.ofPath(path);
      if (known != null) {
        files.put(fd, known);
      }
    }
    return known == null ? FileKind.OTHER : known;
  }

  private void ioctl(TracedCall traced) {
    LogCall call = traced.call();
    String request = call.args().size() > 1 ? Symbols.ioctlName(call.args().get(1)) : null;
    if (request == null || !kind(number(call.args(), 0), traced.path()).isKvm()) {
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
      case "KVM_CREATE_VM" -> bind(call.result(), FileKind.VM);
      case "KVM_CREATE_VCPU" -> bind(call.result(), FileKind.VCPU);
      case "KVM_CREATE_GUEST_MEMFD" -> bind(call.result(), FileKind.GUEST_MEMFD);
      case "KVM_GET_STATS_FD" -> bind(call.result(), FileKind.STATS);
      default -> {}
    }
    if (decoded(named) == null) {
      undecoded.merge(request, 1L, Long::sum);
    }
    kept.add(named);
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
    if (ofDescriptor && files.get(fd) == FileKind.GUEST_MEMFD) {
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
    FileKind kind = kind(number(call.args(), 0), traced.path());
    // The bytes of a memfd are not the model's: what is compared is how it allocates.
    boolean contents = call.name().contains("read") || call.name().contains("write");
    if (kind == FileKind.GUEST_MEMFD
        || (kind == FileKind.MEMFD && !contents)
        || (kind.isKvm() && !call.name().equals("write"))) {
      kept.add(call);
    }
  }

  private void map(TracedCall traced) {
    LogCall call = traced.call();
    if (!call.name().equals("mmap")) {
      kept.add(call);
      return;
    }
    long fd = number(call.args(), 4);
    FileKind kind = fd < 0 ? null : files.getOrDefault(fd, FileKind.OTHER);
    if (kind == FileKind.GUEST_MEMFD) {
      memory.guestMemory(call);
    }
    if (kind == null || kind == FileKind.GUEST_MEMFD || kind == FileKind.MEMFD) {
      kept.add(call);
    } else if (kind == FileKind.OTHER) {
      kept.add(MemoryCalls.anonymous(call));
    }
  }
}
