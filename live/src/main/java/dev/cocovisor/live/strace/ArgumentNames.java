package dev.cocovisor.live.strace;

/** The names of arguments that strace prints under -N (6.16 and later): {@code ioctl(fd=3, …)}. */
final class ArgumentNames {
  private ArgumentNames() {}

  /** Returns a call without the names in front of its arguments. */
  static String without(String call) {
    int open = call.indexOf('(');
    if (open < 0 || name(call, open + 1) == open + 1) {
      return call;
    }
    var out = new StringBuilder(call.length());
    int depth = 0;
    boolean quoted = false;
    for (int i = 0; i < call.length(); i++) {
      char c = call.charAt(i);
      out.append(c);
      if (quoted) {
        if (c == '\\' && i + 1 < call.length()) {
          out.append(call.charAt(++i));
        } else if (c == '"') {
          quoted = false;
        }
        continue;
      }
      int behind = c == '<' ? Decorations.after(call, i) : i;
      if (behind > i) {
        out.append(call, i + 1, behind);
        i = behind - 1;
        continue;
      }
      switch (c) {
        case '"' -> quoted = true;
        case '(', '[', '{' -> depth++;
        case ')', ']', '}' -> depth--;
        default -> {}
      }
      if ((depth == 1 && c == ' ' && call.charAt(i - 1) == ',') || i == open) {
        i = name(call, i + 1) - 1;
      }
    }
    return out.toString();
  }

  /** Returns where the value begins whose name may stand here. */
  private static int name(String call, int at) {
    int end = at;
    while (end < call.length()
        && (Character.isLetterOrDigit(call.charAt(end)) || call.charAt(end) == '_')) {
      end++;
    }
    return end > at && end < call.length() && call.charAt(end) == '=' ? end + 1 : at;
  }
}
