package dev.cocovisor.script.text;

import dev.cocovisor.api.log.LogSyntaxException;

/**
 * The characters of one line and a cursor in them: blanks, words, numbers, strings, and errors that
 * say where the cursor stands and what stands there.
 */
class LineScanner {
  final String file;
  final int line;
  final String text;
  int at;

  LineScanner(String file, int line, String text) {
    this.file = file;
    this.line = line;
    this.text = text;
  }

  /** Skips {@code [pid 12] }, {@code 12 } and {@code 12:00:00.123456 } in front of a call. */
  void prefix() {
    space();
    if (text.startsWith("[pid", at)) {
      int close = text.indexOf(']', at);
      if (close < 0) {
        throw error("an open [pid", "']'");
      }
      at = close + 1;
      space();
    }
    while (at < text.length() && Character.isDigit(text.charAt(at))) {
      int start = at;
      while (at < text.length() && (Character.isDigit(peek()) || peek() == ':' || peek() == '.')) {
        at++;
      }
      if (at == text.length() || !Character.isWhitespace(peek())) {
        at = start;
        return;
      }
      space();
    }
  }

  Value number() {
    int start = at;
    boolean negative = take('-');
    boolean hex = text.startsWith("0x", at) || text.startsWith("0X", at);
    if (hex) {
      at += 2;
    }
    int digits = at;
    while (at < text.length() && Character.digit(peek(), hex ? 16 : 10) >= 0 && peek() < 0x80) {
      at++;
    }
    String body = text.substring(digits, at);
    if (body.isEmpty() || (at < text.length() && isWordPart(peek()))) {
      at = start;
      throw error("'" + run() + "'", "a number");
    }
    // strace writes modes in octal, with a leading zero.
    boolean octal = !hex && body.length() > 1 && body.charAt(0) == '0';
    long value;
    try {
      value = Long.parseUnsignedLong(body, hex ? 16 : octal ? 8 : 10);
    } catch (NumberFormatException _) {
      at = start;
      throw error("'" + run() + "'", "a number of at most 64 bits");
    }
    decoration();
    Value.Num.Form form =
        negative
            ? Value.Num.Form.DECIMAL
            : hex
                ? Value.Num.Form.HEX
                : octal
                    ? Value.Num.Form.OCTAL
                    : value < 0 ? Value.Num.Form.UNSIGNED : Value.Num.Form.DECIMAL;
    return new Value.Num(negative ? -value : value, form);
  }

  /** Skips {@code <path>} behind a descriptor. */
  void decoration() {
    if (peek() == '<' && !text.startsWith("<<", at)) {
      int close = text.indexOf('>', at);
      if (close < 0) {
        throw error("an open '<'", "'>'");
      }
      at = close + 1;
    }
  }

  Value string() {
    var out = new StringBuilder();
    int start = at++;
    while (true) {
      if (at >= text.length()) {
        at = start;
        throw error("a string without end", "'\"'");
      }
      char c = text.charAt(at++);
      if (c == '"') {
        break;
      }
      out.append(c == '\\' ? escape() : c);
    }
    boolean cut = text.startsWith("...", at);
    if (cut) {
      at += 3;
    }
    return new Value.Str(out.toString(), cut);
  }

  private char escape() {
    if (at >= text.length()) {
      throw error("the end of the line", "an escaped character");
    }
    char c = text.charAt(at++);
    return switch (c) {
      case 'n' -> '\n';
      case 't' -> '\t';
      case 'r' -> '\r';
      case 'v' -> 0x0b;
      case 'f' -> '\f';
      case 'x' -> digits(16, 2);
      default -> {
        if (c < '0' || c > '7') {
          yield c;
        }
        at--;
        yield digits(8, 3);
      }
    };
  }

  private char digits(int radix, int most) {
    int value = 0;
    int n = 0;
    while (n < most && at < text.length() && Character.digit(peek(), radix) >= 0) {
      value = value * radix + Character.digit(text.charAt(at++), radix);
      n++;
    }
    if (n == 0) {
      throw error(what(), "a digit of base " + radix);
    }
    return (char) value;
  }

  String word(String expected) {
    if (!isWordStart(peek())) {
      throw error(what(), expected);
    }
    int start = at;
    while (at < text.length() && isWordPart(text.charAt(at))) {
      at++;
    }
    return text.substring(start, at);
  }

  static boolean isWordStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  static boolean isWordPart(char c) {
    return isWordStart(c) || (c >= '0' && c <= '9');
  }

  void space() {
    while (at < text.length()) {
      if (Character.isWhitespace(text.charAt(at))) {
        at++;
      } else if (text.startsWith("/*", at)) {
        int close = text.indexOf("*/", at + 2);
        if (close < 0) {
          throw error("an open comment", "'*/'");
        }
        at = close + 2;
      } else {
        return;
      }
    }
  }

  char peek() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  boolean take(char c) {
    if (peek() != c || at >= text.length()) {
      return false;
    }
    at++;
    return true;
  }

  void expect(char c) {
    if (!take(c)) {
      throw error(what(), "'" + c + "'");
    }
  }

  int lineEnd() {
    int hash = text.indexOf('#', at);
    return hash < 0 ? text.length() : hash;
  }

  String what() {
    return at >= text.length() ? "the end of the line" : "'" + run() + "'";
  }

  /** Returns the token at the cursor, for messages. */
  private String run() {
    int end = at;
    while (end < text.length() && end < at + 30 && isWordPart(text.charAt(end))) {
      end++;
    }
    return text.substring(at, Math.max(end, Math.min(at + 1, text.length())));
  }

  LogSyntaxException error(String found, String expected) {
    return new LogSyntaxException(file, line, Math.min(at, text.length()) + 1, found, expected);
  }
}
