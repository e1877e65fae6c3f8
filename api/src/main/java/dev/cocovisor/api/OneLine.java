package dev.cocovisor.api;

/**
 * Texts for people that go into lists and tables: one short line each, without control characters.
 */
final class OneLine {
  private static final int LONGEST = 200;

  private OneLine() {}

  /**
   * Returns the text.
   *
   * @param what whose text it is, for the message
   * @throws IllegalArgumentException if it is longer than 200 characters or has control characters
   */
  static String checked(String what, String text) {
    if (text.length() > LONGEST) {
      throw new IllegalArgumentException(
          what + " has " + text.length() + " characters: one line of at most " + LONGEST);
    }
    for (int i = 0; i < text.length(); i++) {
      if (steersTheTerminal(text.charAt(i))) {
        throw new IllegalArgumentException(what + " has control characters: one line of text");
      }
    }
    return text;
  }

  private static boolean steersTheTerminal(int c) {
    int type = Character.getType(c);
    return type == Character.CONTROL
        || type == Character.FORMAT
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }
}
