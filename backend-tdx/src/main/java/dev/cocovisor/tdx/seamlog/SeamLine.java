package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.api.log.LogSyntaxException;

/** Reads one line of a log token by token; what does not fit is a {@link LogSyntaxException}. */
final class SeamLine {
  private final String file;
  private String text = "";
  private int line;
  private int at;

  SeamLine(String file) {
    this.file = file;
  }

  void begin(String newText, int newLine) {
    text = newText;
    line = newLine;
    at = 0;
  }

  int line() {
    return line;
  }

  String text() {
    return text;
  }

  int position() {
    return at;
  }

  boolean atEnd() {
    return at == text.length();
  }

  /** Goes to the end of the line, whatever is there. */
  void skip() {
    at = text.length();
  }

  void end() {
    if (!atEnd()) {
      throw error("the end of the line");
    }
  }

  LogSyntaxException error(String expected) {
    String rest = text.substring(Math.min(at, text.length()));
    String found =
        rest.isEmpty() ? "end of line" : "'" + rest.substring(0, Math.min(24, rest.length())) + "'";
    return new LogSyntaxException(file, line, at + 1, found, expected);
  }

  /** Takes a literal if it is next. */
  boolean take(String literal) {
    if (text.startsWith(literal, at)) {
      at += literal.length();
      return true;
    }
    return false;
  }

  void expect(String literal) {
    if (!take(literal)) {
      throw error("'" + literal + "'");
    }
  }

  /** Takes letters, digits, dots and underscores. */
  String word(String what) {
    int from = at;
    while (at < text.length()) {
      char c = text.charAt(at);
      if (!(Character.isLetterOrDigit(c) || c == '.' || c == '_')) {
        break;
      }
      at++;
    }
    if (at == from) {
      throw error(what);
    }
    return text.substring(from, at);
  }

  /** Takes a decimal number. */
  int decimal(String what) {
    int from = at;
    int v = 0;
    while (at < text.length() && Character.digit(text.charAt(at), 10) >= 0) {
      v = v * 10 + Character.digit(text.charAt(at), 10);
      at++;
    }
    if (at == from || at - from > 9) {
      at = from;
      throw error(what);
    }
    return v;
  }

  /** Takes a decimal number below a limit. */
  int decimal(String what, int limit) {
    int from = at;
    int v = decimal(what);
    if (v >= limit) {
      at = from;
      throw error(what + " below " + limit);
    }
    return v;
  }

  /** Takes a number with 0x. */
  long hex(String what) {
    int from = at;
    if (!take("0x")) {
      throw error(what + " in hexadecimal");
    }
    int digits = at;
    long v = 0;
    while (at < text.length() && Character.digit(text.charAt(at), 16) >= 0) {
      v = v << 4 | Character.digit(text.charAt(at), 16);
      at++;
    }
    if (at == digits || at - digits > 16) {
      at = from;
      throw error(what + " in hexadecimal");
    }
    return v;
  }

  /** Takes {@code name=} and a number with 0x. */
  long field(String name) {
    expect(name + "=");
    return hex(name);
  }
}
