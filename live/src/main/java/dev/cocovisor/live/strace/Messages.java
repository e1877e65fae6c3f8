package dev.cocovisor.live.strace;

import dev.cocovisor.live.log.FileKind;
import dev.cocovisor.live.log.ProcessTrace;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Descriptors that processes hand to each other: in messages (SCM_RIGHTS), or taken by pidfd_getfd.
 * What a descriptor names stands behind it under -y; without, a message that arrives is taken for
 * the oldest one sent with as many descriptors.
 */
final class Messages {
  private static final Set<String> SENDING = Set.of("sendmsg", "sendmmsg");
  private static final Set<String> RECEIVING = Set.of("recvmsg", "recvmmsg");
  private static final String RIGHTS = "cmsg_data=[";

  /** Kinds of descriptors on their way, a message each. */
  private final Deque<List<FileKind>> sent = new ArrayDeque<>();

  private long unknown;

  /** Tells whether a call may hand descriptors over. */
  static boolean mayHandOver(String call) {
    return SENDING.contains(call) || RECEIVING.contains(call) || call.equals("pidfd_getfd");
  }

  /** Returns how many descriptors came of which nobody says what they name. */
  long unknown() {
    return unknown;
  }

  /**
   * Takes a call that returned.
   *
   * @param name the call's name
   * @param text its whole text
   * @param process who made it
   */
  void take(String name, String text, ProcessTrace process) {
    if (name.equals("pidfd_getfd")) {
      String path = Decorations.ofResult(text);
      FileKind kind = FileKind.ofPath(path);
      long fd = Decorations.numberAt(text, text.lastIndexOf(" = ") + 3);
      if (kind != null && fd >= 0) {
        process.arrived(fd, kind, "of another process");
      }
      return;
    }
    boolean sends = SENDING.contains(name);
    for (int at = text.indexOf(RIGHTS); at >= 0; at = text.indexOf(RIGHTS, at + 1)) {
      int rights = text.lastIndexOf("cmsg_type=", at);
      if (rights < 0 || !isRights(text.substring(rights, at))) {
        continue;
      }
      message(text, at + RIGHTS.length(), sends, process);
    }
  }

  private static boolean isRights(String type) {
    return type.startsWith("cmsg_type=SCM_RIGHTS") || type.startsWith("cmsg_type=0x1");
  }

  private void message(String text, int from, boolean sends, ProcessTrace process) {
    var fds = new ArrayList<Long>();
    var paths = new ArrayList<String>();
    int at = from;
    for (long fd = Decorations.numberAt(text, at); fd >= 0; fd = Decorations.numberAt(text, at)) {
      at = Decorations.afterNumber(text, at);
      String path = Decorations.path(text, at);
      fds.add(fd);
      paths.add(path);
      at = Decorations.after(text, at);
      at = text.startsWith(", ", at) ? at + 2 : text.length();
    }
    if (fds.isEmpty()) {
      // Cut short under -s 0.
      unknown += sends ? 0 : 1;
      return;
    }
    if (sends) {
      var kinds = new ArrayList<FileKind>();
      for (long fd : fds) {
        FileKind kind = process.kindOf(fd);
        kinds.add(kind == null ? FileKind.OTHER : kind);
      }
      sent.add(kinds);
      return;
    }
    List<FileKind> kinds = sentWith(fds.size());
    for (int i = 0; i < fds.size(); i++) {
      FileKind kind = FileKind.ofPath(paths.get(i));
      if (kind == null && kinds != null) {
        kind = kinds.get(i);
      }
      if (kind == null) {
        unknown++;
      } else {
        process.arrived(fds.get(i), kind, "of another process");
      }
    }
  }

  private @Nullable List<FileKind> sentWith(int count) {
    for (Iterator<List<FileKind>> i = sent.iterator(); i.hasNext(); ) {
      List<FileKind> kinds = i.next();
      if (kinds.size() == count) {
        i.remove();
        return kinds;
      }
    }
    return null;
  }
}
