package dev.cocovisor.live.trace;

import dev.cocovisor.live.log.FileKind;
import dev.cocovisor.live.log.ProcessTrace;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What comes into a process from elsewhere or goes out of it: descriptors in messages (SCM_RIGHTS)
 * or taken by pidfd_getfd, and pages that a pipe holds. What a descriptor names is read from {@code
 * /proc/PID/fd}. Source: {@code include/linux/socket.h}, struct user_msghdr and struct cmsghdr.
 */
final class Arrivals {
  private static final int HEADER = 56;
  private static final int AT_CONTROL = 32;
  private static final int MOST_CONTROL = 4096;
  private static final int CONTROL_HEADER = 16;
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int IOVEC = 16;

  private final Ptrace ptrace;

  Arrivals(Ptrace ptrace) {
    this.ptrace = ptrace;
  }

  /** Returns what a descriptor names, empty if nobody says. */
  static String path(Tracee t, long fd) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/" + t.tid + "/fd/" + fd)).toString();
    } catch (IOException _) {
      return "";
    }
  }

  /** Looks for descriptors that a call brought. */
  void take(Tracee t, SystemCall call, long result, ProcessTrace trace) {
    if (call == SystemCall.PIDFD_GETFD) {
      arrived(t, result, trace);
    } else if (call == SystemCall.RECVMSG) {
      byte[] header = ptrace.read(t.tid, t.args[1], HEADER);
      if (header != null) {
        ByteBuffer h = littleEndian(header);
        int len = (int) Math.min(h.getLong(AT_CONTROL + 8), MOST_CONTROL);
        byte[] control = ptrace.read(t.tid, h.getLong(AT_CONTROL), len);
        if (control != null) {
          rights(control).forEach(fd -> arrived(t, fd, trace));
        }
      }
    }
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns the descriptors in a message's control data. */
  static List<Long> rights(byte[] control) {
    ByteBuffer b = littleEndian(control);
    var fds = new ArrayList<Long>();
    int at = 0;
    while (at + CONTROL_HEADER <= control.length) {
      long len = b.getLong(at);
      if (len < CONTROL_HEADER || len > control.length - at) {
        break;
      }
      if (b.getInt(at + 8) == SOL_SOCKET && b.getInt(at + 12) == SCM_RIGHTS) {
        for (int i = at + CONTROL_HEADER; i + 4 <= at + len; i += 4) {
          fds.add((long) b.getInt(i));
        }
      }
      // Each begins at a multiple of 8.
      at += (int) (len + 7) & -8;
    }
    return fds;
  }

  private static void arrived(Tracee t, long fd, ProcessTrace trace) {
    FileKind kind = FileKind.ofPath(path(t, fd));
    if (kind != null) {
      trace.arrived(fd, kind, "of another process");
    }
  }

  /**
   * Returns the line of a vmsplice of one range: the pipe then holds its pages.
   *
   * @return null if it is of more or cannot be read
   */
  @Nullable LogCall vmsplice(Tracee t) {
    byte[] iovec = t.args[2] == 1 ? ptrace.read(t.tid, t.args[1], IOVEC) : null;
    if (iovec == null) {
      return null;
    }
    ByteBuffer b = littleEndian(iovec);
    return Calls.call(
        "vmsplice",
        Calls.sym("pipe"),
        new Value.Struct(
            List.of(
                Value.Field.of("", Value.Num.hex(b.getLong(0))),
                Value.Field.of("", Value.Num.hex(b.getLong(8))))),
        Value.Num.of(1),
        Value.Num.hex(t.args[3]));
  }

  /** Returns the descriptors of a process that lead to the same pipe as one of them. */
  static List<Long> endsOf(Tracee t, long pipe) {
    String path = path(t, pipe);
    var ends = new ArrayList<Long>();
    try (Stream<Path> all = Files.list(Path.of("/proc/" + t.tid + "/fd"))) {
      for (Path p : all.toList()) {
        long fd = Long.parseLong(p.getFileName().toString());
        if (!path.isEmpty() && path(t, fd).equals(path)) {
          ends.add(fd);
        }
      }
    } catch (IOException _) {
      ends.clear();
    }
    return ends;
  }
}
