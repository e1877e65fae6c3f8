package dev.cocovisor.live.strace;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What strace's option -y puts behind descriptors: a path between {@code <} and {@code >}, which
 * may hold such signs itself ({@code 9</dev/kvm<char 10:232>>}, {@code 5<UNIX-STREAM:[11->12]>})
 * and be followed by {@code (deleted)}.
 */
final class Decorations {
  private static final String DELETED = "(deleted)";
  private static final Pattern ESCAPE = Pattern.compile("\\\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3}))");
  private static final Pattern MAPPED = Pattern.compile(", \\d{1,9}<");

  private Decorations() {}

  /** Returns the path behind the first argument of a call, empty if there is none. */
  static String ofFirstArgument(String call) {
    int at = call.indexOf('(') + 1;
    int digits = at;
    while (digits < call.length() && Character.isDigit(call.charAt(digits))) {
      digits++;
    }
    return digits == at ? "" : path(call, digits);
  }

  /** Returns the path behind the result of a call, empty if there is none. */
  static String ofResult(String call) {
    int equals = call.lastIndexOf(" = ");
    if (equals < 0) {
      return "";
    }
    int at = equals + 3;
    while (at < call.length() && Character.isDigit(call.charAt(at))) {
      at++;
    }
    return path(call, at);
  }

  /** Returns the path behind the descriptor that an mmap maps, empty if there is none. */
  static String ofMapped(String call) {
    Matcher fd = MAPPED.matcher(call);
    return fd.find() ? path(call, fd.end() - 1) : "";
  }

  /** Returns the decimal number that begins here, -1 if none does. */
  static long numberAt(String text, int at) {
    int end = afterNumber(text, at);
    return end == at || end - at > 9 ? -1 : Long.parseLong(text.substring(at, end));
  }

  /** Returns where the decimal number ends that begins here. */
  static int afterNumber(String text, int at) {
    int end = at;
    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  /** Returns where what stands behind a descriptor ends. */
  static int after(String text, int at) {
    int end = end(text, at);
    return end < 0 ? at : end + 1 + (text.startsWith(DELETED, end + 1) ? DELETED.length() : 0);
  }

  /** Returns the path that begins here, empty if none does. */
  static String path(String text, int at) {
    int end = end(text, at);
    return end < 0 ? "" : unescaped(text.substring(at + 1, end));
  }

  /** Signs of a path that strace writes as numbers: all of them under -xx. */
  private static String unescaped(String path) {
    return path.indexOf('\\') < 0
        ? path
        : ESCAPE
            .matcher(path)
            .replaceAll(m ->
                Matcher.quoteReplacement(
                    Character.toString(
                        m.group(1) == null
                            ? Integer.parseInt(m.group(2), 8)
                            : Integer.parseInt(m.group(1), 16))));
  }

  /** Returns where the path ends that begins here, or -1. */
  private static int end(String text, int at) {
    if (at >= text.length() || text.charAt(at) != '<') {
      return -1;
    }
    int depth = 0;
    for (int i = at; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '<') {
        depth++;
      } else if (c == '>' && text.charAt(i - 1) != '-' && --depth == 0) {
        return i;
      }
    }
    return -1;
  }

  /**
   * Returns a call without the paths behind its descriptors, and without the words by which strace
   * names a request that several drivers have ({@code KVM_X or Y}).
   */
  static String without(String call) {
    var out = new StringBuilder(call.length());
    boolean quoted = false;
    for (int i = 0; i < call.length(); i++) {
      char c = call.charAt(i);
      if (c == '"' && !escaped(call, i)) {
        quoted = !quoted;
      }
      boolean behindNumber = i > 0 && (isWord(call.charAt(i - 1)) || call.startsWith("*/", i - 2));
      if (!quoted && c == '<' && behindNumber && !call.startsWith("<<", i)) {
        int end = after(call, i);
        if (end > i) {
          i = end - 1;
          continue;
        }
      }
      out.append(c);
    }
    return out.toString();
  }

  private static boolean isWord(char c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }

  private static boolean escaped(String text, int quote) {
    int slashes = 0;
    while (quote - slashes > 0 && text.charAt(quote - slashes - 1) == '\\') {
      slashes++;
    }
    return slashes % 2 == 1;
  }
}
