package dev.cocovisor.host.finding;

/**
 * Texts that others wrote, made fit for a terminal: no control character of any kind, no change of
 * writing direction, and no more of them than a reader wants.
 */
public final class Printable {
  private static final int LONGEST = 600;

  private Printable() {}

  /** Returns a text in one line, with what cannot be printed as {@code \x1b} or {@code \u202e}. */
  public static String of(String text) {
    boolean plain = text.length() <= LONGEST;
    for (int i = 0; plain && i < text.length(); i++) {
      plain = printable(text.charAt(i));
    }
    return plain ? text : escaped(text);
  }

  private static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    int shown = Math.min(text.length(), LONGEST);
    for (int i = 0; i < shown; i++) {
      char c = text.charAt(i);
      if (printable(c)) {
        out.append(c);
      } else if (c < 0x100) {
        out.append("\\x%02x".formatted((int) c));
      } else {
        out.append("\\u%04x".formatted((int) c));
      }
    }
    if (text.length() > shown) {
      out.append("… (").append(text.length() - shown).append(" more)");
    }
    return out.toString();
  }

  /** Tells whether a character neither steers a terminal nor hides or turns what is beside it. */
  public static boolean printable(char c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.UNASSIGNED ->
          false;
      default -> true; // halves of surrogate pairs included
    };
  }
}
