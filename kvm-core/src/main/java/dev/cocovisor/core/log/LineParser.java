package dev.cocovisor.core.log;

import dev.cocovisor.api.log.LogSyntaxException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Parses one call line by descent over its characters.
 *
 * <p>The grammar is that of the recordings widened by what strace prints: process ids and times in
 * front of the call, paths behind descriptors ({@code 5<anon_inode:kvm-vm>}), comments between
 * {@code /*} and its end, {@code …} or {@code ...} for what was left out, the words for an error
 * behind its name, the time spent at the end of the line.
 */
final class LineParser {
  /** Deeper nesting than this is refused, so that no input can exhaust the stack. */
  private static final int MAX_DEPTH = 64;

  private final String file;
  private final int line;
  private final String text;
  private int at;
  private int depth;

  LineParser(String file, int line, String text) {
    this.file = file;
    this.line = line;
    this.text = text;
  }

  LogCall call() {
    prefix();
    var columns = new ArrayList<Integer>();
    columns.add(at + 1);
    String name = word("the name of a call");
    space();
    expect('(');
    var args = new ArrayList<Value>();
    space();
    if (peek() != ')') {
      do {
        space();
        columns.add(at + 1);
        args.add(changing());
        space();
      } while (take(','));
    }
    expect(')');
    space();
    LogResult result = take('=') ? result() : null;
    String comment = end();
    return new LogCall(line, name, List.copyOf(args), List.copyOf(columns), result, comment);
  }

  /** Skips {@code [pid 12] }, {@code 12 } and {@code 12:00:00.123456 } in front of a call. */
  private void prefix() {
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

  private @Nullable LogResult result() {
    space();
    if (take('?')) {
      at = lineEnd();
      return null;
    }
    Value value = value();
    space();
    String error = "";
    if (at < text.length() && Character.isUpperCase(peek())) {
      int start = at;
      error = word("the name of an error");
      if (!(value instanceof Value.Num n) || n.value() != -1) {
        at = start;
        throw error("'" + error + "'", "the end of the line, since only -1 has an error's name");
      }
    }
    space();
    LogResult.Exit exit = peek() == '(' ? exit() : null;
    return new LogResult(value, error, exit);
  }

  /** Parses an exit's parenthesis; null if it only holds strace's words for an error or value. */
  private LogResult.@Nullable Exit exit() {
    int start = at++;
    space();
    int from = at;
    while (at < text.length() && isExitChar(text.charAt(at))) {
      at++;
    }
    String reason = text.substring(from, at);
    space();
    if (reason.isEmpty() || (peek() != ',' && peek() != ')')) {
      int close = text.indexOf(')', start);
      if (close < 0) {
        at = text.length();
        throw error(what(), "')'");
      }
      at = close + 1;
      return null;
    }
    var fields = new ArrayList<Value.Field>();
    while (take(',')) {
      space();
      fields.add(field());
      space();
    }
    expect(')');
    return new LogResult.Exit(reason, List.copyOf(fields));
  }

  private static boolean isExitChar(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }

  /** Parses the end of the line: strace's time spent, then a comment. */
  private String end() {
    space();
    if (peek() == '<') {
      int close = text.indexOf('>', at);
      if (close < 0) {
        throw error("an open '<'", "'>'");
      }
      at = close + 1;
      space();
    }
    if (at == text.length()) {
      return "";
    }
    if (peek() != '#') {
      throw error(what(), "'=', '#' or the end of the line");
    }
    String comment = text.substring(at + 1).strip();
    at = text.length();
    return comment;
  }

  private Value changing() {
    Value before = value();
    space();
    if (!text.startsWith("=>", at)) {
      return before;
    }
    at += 2;
    space();
    return new Value.Change(before, value());
  }

  private Value.Field field() {
    int start = at;
    if (isWordStart(peek())) {
      String name = word("a field's name");
      name += settingName();
      if (peek() == '[') {
        int close = text.indexOf(']', at);
        if (close < 0) {
          throw error("an open '['", "']'");
        }
        name += text.substring(at, close + 1).replaceAll("\\s", "");
        at = close + 1;
      }
      space();
      if (peek() == '=' && !text.startsWith("=>", at)) {
        at++;
        space();
        return new Value.Field(name, changing(), start + 1);
      }
      at = start;
    }
    return new Value.Field("", changing(), start + 1);
  }

  /** Returns the rest of a setting's name, which may hold dots and dashes. */
  private String settingName() {
    int start = at;
    while ((peek() == '.' || peek() == '-')
        && at + 1 < text.length()
        && isWordPart(text.charAt(at + 1))) {
      at++;
      while (at < text.length() && isWordPart(peek())) {
        at++;
      }
    }
    return text.substring(start, at);
  }

  private Value value() {
    if (++depth > MAX_DEPTH) {
      throw error("nesting deeper than " + MAX_DEPTH, "a value");
    }
    Value first = shifted();
    space();
    if (peek() == '|') {
      var parts = new ArrayList<Value>();
      parts.add(first);
      while (take('|')) {
        space();
        parts.add(shifted());
        space();
      }
      first = new Value.Flags(List.copyOf(parts));
    }
    depth--;
    return first;
  }

  private Value shifted() {
    Value left = single();
    if (text.startsWith("<<", at)) {
      at += 2;
      return new Value.Shift(left, single());
    }
    return left;
  }

  private Value single() {
    char c = peek();
    if (c == '{') {
      return struct();
    } else if (c == '[') {
      return items();
    } else if (c == '"') {
      return string();
    } else if (c == '…' || text.startsWith("...", at)) {
      at += c == '…' ? 1 : 3;
      return new Value.Rest();
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      return number();
    } else if (isWordStart(c)) {
      String name = word("a value");
      if (peek() != '(') {
        decoration();
        return new Value.Sym(name);
      }
      at++;
      space();
      var args = new ArrayList<Value>();
      if (peek() != ')') {
        do {
          space();
          args.add(value());
          space();
        } while (take(','));
      }
      expect(')');
      return new Value.Macro(name, List.copyOf(args));
    }
    throw error(what(), "a value");
  }

  private Value struct() {
    expect('{');
    space();
    var fields = new ArrayList<Value.Field>();
    if (peek() != '}') {
      do {
        space();
        fields.add(field());
        space();
      } while (take(','));
    }
    expect('}');
    return new Value.Struct(List.copyOf(fields));
  }

  private Value items() {
    expect('[');
    space();
    var items = new ArrayList<Value>();
    if (peek() != ']') {
      do {
        space();
        items.add(changing());
        space();
      } while (take(','));
    }
    expect(']');
    return new Value.Items(List.copyOf(items));
  }

  private Value number() {
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
    return new Value.Num(negative ? -value : value, hex && !negative);
  }

  /** Skips {@code <path>} behind a descriptor. */
  private void decoration() {
    if (peek() == '<' && !text.startsWith("<<", at)) {
      int close = text.indexOf('>', at);
      if (close < 0) {
        throw error("an open '<'", "'>'");
      }
      at = close + 1;
    }
  }

  private Value string() {
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

  private String word(String expected) {
    if (!isWordStart(peek())) {
      throw error(what(), expected);
    }
    int start = at;
    while (at < text.length() && isWordPart(text.charAt(at))) {
      at++;
    }
    return text.substring(start, at);
  }

  private static boolean isWordStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  private static boolean isWordPart(char c) {
    return isWordStart(c) || (c >= '0' && c <= '9');
  }

  private void space() {
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

  private char peek() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private boolean take(char c) {
    if (peek() != c || at >= text.length()) {
      return false;
    }
    at++;
    return true;
  }

  private void expect(char c) {
    if (!take(c)) {
      throw error(what(), "'" + c + "'");
    }
  }

  private int lineEnd() {
    int hash = text.indexOf('#', at);
    return hash < 0 ? text.length() : hash;
  }

  private String what() {
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

  private LogSyntaxException error(String found, String expected) {
    return new LogSyntaxException(file, line, Math.min(at, text.length()) + 1, found, expected);
  }
}
