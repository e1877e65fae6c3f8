package dev.cocovisor.script.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Parses one call line by descent over its characters.
 *
 * <p>The grammar is that of the recordings widened by what strace prints: process ids and times in
 * front of the call, paths behind descriptors ({@code 5<anon_inode:kvm-vm>}), comments between
 * {@code /*} and its end, {@code …} or {@code ...} for what was left out, the words for an error
 * behind its name, the time spent at the end of the line.
 */
public final class LineParser extends LineScanner {
  /** Deeper nesting than this is refused, so that no input can exhaust the stack. */
  private static final int MAX_DEPTH = 64;

  /** Before a call that a child of the process makes. */
  private static final String CHILD = "child";

  private static final Pattern ONLY_FIELDS = Pattern.compile("[a-z_0-9]+=");

  private int depth;

  public LineParser(String file, int line, String text) {
    super(file, line, text);
  }

  public LogCall call() {
    prefix();
    var columns = new ArrayList<Integer>();
    columns.add(at + 1);
    String name = word("the name of a call");
    space();
    if (name.equals(CHILD) && isWordStart(peek())) {
      name += " " + word("the name of a call");
      space();
    }
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

  /** Parses a whole text as what stands behind {@code =}; null where it says nothing. */
  @Nullable LogResult onlyResult() {
    LogResult result = result();
    space();
    if (at < text.length()) {
      throw error(what(), "the end of the result");
    }
    return result;
  }

  private @Nullable LogResult result() {
    space();
    if (take('?')) {
      at = lineEnd();
      return null;
    }
    Value value = told();
    space();
    String error = "";
    if (at < text.length() && Character.isUpperCase(peek())) {
      int start = at;
      error = word("the name of an error");
      if (!(value instanceof Value.Num n) || n.value() != -1) {
        at = start;
        throw error("'" + error + "'", "the end of the line, since only -1 has an error's name");
      }
      space();
      if (peek() >= '0' && peek() <= '9') {
        // The byte a recorder's child came by, which after a signal is none.
        var _ = number();
      }
    }
    space();
    LogResult.Exit exit = peek() == '(' ? exit() : null;
    return new LogResult(value, error, exit);
  }

  /**
   * Parses a value, or a word with a number: how a child ended, {@code byte 5} or {@code SIG 201}.
   */
  private Value told() {
    Value value = value();
    space();
    if (value instanceof Value.Sym word && peek() >= '0' && peek() <= '9') {
      return new Value.Macro(word.name(), List.of(number()));
    }
    return value;
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
    if (reason.isEmpty() && ONLY_FIELDS.matcher(text).region(from, text.length()).lookingAt()) {
      return new LogResult.Exit("", onlyFields());
    }
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

  /** What a call found, without a reason why it ended: {@code (byte=5)}. */
  private List<Value.Field> onlyFields() {
    var fields = new ArrayList<Value.Field>();
    do {
      space();
      fields.add(field());
      space();
    } while (take(','));
    expect(')');
    return List.copyOf(fields);
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
    if (peek() == ';') {
      // What a recorder did besides, and what came of it.
      String rest = text.substring(at).strip();
      at = text.length();
      return rest;
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
}
