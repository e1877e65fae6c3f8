package dev.cocovisor.api;

/**
 * The form of names. Looked at letter by letter: a start of the program checks a hundred names, and
 * compiling regular expressions for them would take longer than all else it does with them.
 */
final class Names {
  private Names() {}

  /**
   * Tells whether a name is a lower-case letter, then lower-case letters, digits and {@code mark}.
   *
   * @param least the fewest characters, at least 1
   * @param most the most characters
   */
  static boolean lowerCase(String name, char mark, int least, int most) {
    return name.length() >= least
        && name.length() <= most
        && isLower(name.charAt(0))
        && consistsOf(name, mark, false);
  }

  /** Tells whether a name is 1 to {@code most} letters of any case, digits and '_'. */
  static boolean anyCase(String name, int most) {
    return !name.isEmpty() && name.length() <= most && consistsOf(name, '_', true);
  }

  private static boolean consistsOf(String name, char mark, boolean upper) {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean fits = isLower(c) || (c >= '0' && c <= '9') || c == mark;
      if (!fits && !(upper && c >= 'A' && c <= 'Z')) {
        return false;
      }
    }
    return true;
  }

  private static boolean isLower(char c) {
    return c >= 'a' && c <= 'z';
  }
}
