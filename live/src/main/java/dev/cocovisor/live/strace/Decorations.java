package dev.cocovisor.live.strace;

/**
 * What strace's option -y puts behind descriptors: a path between {@code <} and {@code >}, which
 * may hold such signs itself ({@code 9</dev/kvm<char 10:232>>}, {@code 5<UNIX-STREAM:[11->12]>})
 * and be followed by {@code (deleted)}.
 */
final class Decorations {
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

  private static String path(String text, int at) {
    int end = end(text, at);
    return end < 0 ? "" : text.substring(at + 1, end);
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
      boolean behindNumber = i > 0 && isWord(call.charAt(i - 1));
      if (!quoted && c == '<' && behindNumber && !call.startsWith("<<", i)) {
        int end = end(call, i);
        if (end > 0) {
          i = end;
          if (call.startsWith("(deleted)", i + 1)) {
            i += "(deleted)".length();
          }
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
