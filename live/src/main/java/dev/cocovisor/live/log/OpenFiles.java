package dev.cocovisor.live.log;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a process and what each names.
 *
 * <p>A descriptor may come without a call that opened it: from before the trace, over execve, or in
 * another process's message. If it is of the device or of a memfd, a line of its own opens it where
 * it is first used, so that whoever reads the log knows it.
 */
final class OpenFiles {
  /** What one descriptor names. */
  private static final class File {
    private final FileKind kind;
    private boolean overExec;

    /** How it came, empty once a line tells it. */
    private String untold;

    /** The size that lines of the log gave a memfd whose own lines are not in it; -1 for others. */
    private long size = -1;

    private File(FileKind kind, boolean overExec, String untold) {
      this.kind = kind;
      this.overExec = overExec;
      this.untold = untold;
    }
  }

  private final TreeMap<Long, File> files = new TreeMap<>();

  /** Tells what a descriptor names; null if it was never seen. */
  @Nullable FileKind kind(long fd) {
    File f = files.get(fd);
    return f == null ? null : f.kind;
  }

  /**
   * A call opened a descriptor.
   *
   * @param overExec whether it stays open when another program begins
   */
  void opened(long fd, FileKind kind, boolean overExec) {
    files.put(fd, new File(kind, overExec, ""));
  }

  /**
   * A descriptor is there that no call opened.
   *
   * @param how where it came from
   */
  void arrived(long fd, FileKind kind, String how) {
    files.put(fd, new File(kind, false, how));
  }

  /** Tells whether a line of the log opened a descriptor. */
  boolean isTold(long fd) {
    File f = files.get(fd);
    return f != null && f.untold.isEmpty();
  }

  /** A descriptor is closed. */
  void closed(long fd) {
    files.remove(fd);
  }

  /** Sets whether a descriptor stays open when another program begins. */
  void overExec(long fd, boolean stays) {
    File f = files.get(fd);
    if (f != null) {
      f.overExec = stays;
    }
  }

  /** Returns the descriptors from {@code first} to {@code last}, both included. */
  List<Long> between(long first, long last) {
    return first > last ? List.of() : List.copyOf(files.subMap(first, true, last, true).keySet());
  }

  /** Returns the descriptors of a child by fork. */
  OpenFiles forked() {
    var child = new OpenFiles();
    files.forEach((fd, f) -> child.files.put(fd, inherited(f, "of the parent")));
    return child;
  }

  /** Returns the descriptors of the program that the process runs next. */
  OpenFiles executed() {
    var next = new OpenFiles();
    for (Map.Entry<Long, File> e : files.entrySet()) {
      if (e.getValue().overExec) {
        next.files.put(e.getKey(), inherited(e.getValue(), "of the program before"));
      }
    }
    return next;
  }

  private static File inherited(File f, String how) {
    return new File(f.kind, f.overExec, f.untold.isEmpty() ? how : f.untold);
  }

  /**
   * Returns the lines that open a descriptor which no call opened; none if it needs none.
   *
   * @param line the line number for messages
   */
  List<LogCall> told(long fd, int line) {
    File f = files.get(fd);
    if (f == null || f.untold.isEmpty()) {
      return List.of();
    }
    String how = f.untold;
    f.untold = "";
    return switch (f.kind) {
      case DEVICE ->
          List.of(
              new LogCall(
                  line,
                  "openat",
                  List.of(
                      new Value.Sym("AT_FDCWD"),
                      new Value.Str("/dev/kvm", false),
                      new Value.Sym("O_RDWR")),
                  List.of(),
                  LogResult.of(Value.Num.of(fd)),
                  how));
      case MEMFD -> {
        f.size = 0;
        yield List.of(
            new LogCall(
                line,
                "memfd_create",
                List.of(new Value.Str("", false), Value.Num.of(0)),
                List.of(),
                LogResult.of(Value.Num.of(fd)),
                how));
      }
      default -> List.of();
    };
  }

  /** Returns the line that makes a memfd as large as a mapping of it needs; none if it is. */
  List<LogCall> grown(long fd, long end, int line) {
    File f = files.get(fd);
    if (f == null || f.size < 0 || f.size >= end) {
      return List.of();
    }
    f.size = end;
    var args = new ArrayList<Value>(List.of(Value.Num.of(fd), Value.Num.hex(end)));
    return List.of(
        new LogCall(
            line,
            "ftruncate",
            List.copyOf(args),
            List.of(),
            LogResult.of(Value.Num.of(0)),
            "at least so large"));
  }

  /** A call of the log sets a memfd's size. */
  void sized(long fd, long size) {
    File f = files.get(fd);
    if (f != null && f.size >= 0) {
      f.size = size;
    }
  }
}
