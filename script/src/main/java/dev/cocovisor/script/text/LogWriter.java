package dev.cocovisor.script.text;

import java.util.List;

/** Writes calls in the notation of the recordings, so that reading them again gives equal calls. */
public final class LogWriter {
  private LogWriter() {}

  /** Returns a line without its line end. */
  public static String line(LogLine line) {
    return switch (line) {
      case LogLine.Remark r -> r.text();
      case LogLine.ProgramStart p -> p.text();
      case LogCall c -> call(c);
    };
  }

  /** Returns a call without result and comment. */
  public static String callOnly(LogCall c) {
    var out = new StringBuilder(120).append(c.name()).append('(');
    list(out, c.args());
    return out.append(')').toString();
  }

  /** Returns a result as it stands behind {@code = }. */
  public static String result(LogResult r) {
    var out = new StringBuilder();
    result(out, r);
    return out.toString();
  }

  /** Returns a value. */
  public static String value(Value v) {
    var out = new StringBuilder();
    value(out, v);
    return out.toString();
  }

  private static String call(LogCall c) {
    var out = new StringBuilder(160).append(callOnly(c));
    LogResult result = c.result();
    if (result != null) {
      out.append(" = ");
      result(out, result);
    }
    if (!c.comment().isEmpty()) {
      // What was done in the same line afterwards stands behind its semicolon.
      out.append(c.comment().startsWith(";") ? "" : "  # ").append(c.comment());
    }
    return out.toString();
  }

  private static void result(StringBuilder out, LogResult r) {
    if (r.value() instanceof Value.Macro m) {
      // How a child ended: a word and its number.
      list(out.append(m.name()).append(' '), m.args());
    } else {
      value(out, r.value());
    }
    if (r.isError()) {
      out.append(' ').append(r.error());
    }
    LogResult.Exit exit = r.exit();
    if (exit != null) {
      out.append(" (").append(exit.reason());
      for (int i = 0; i < exit.fields().size(); i++) {
        field(out.append(i == 0 && exit.reason().isEmpty() ? "" : ", "), exit.fields().get(i));
      }
      out.append(')');
    }
  }

  private static void list(StringBuilder out, List<Value> values) {
    for (int i = 0; i < values.size(); i++) {
      if (i > 0) {
        out.append(", ");
      }
      value(out, values.get(i));
    }
  }

  private static void field(StringBuilder out, Value.Field f) {
    if (!f.name().isEmpty()) {
      out.append(f.name()).append('=');
    }
    value(out, f.value());
  }

  private static void value(StringBuilder out, Value v) {
    switch (v) {
      case Value.Num n -> number(out, n);
      case Value.Sym s -> out.append(s.name());
      case Value.Flags f -> {
        for (int i = 0; i < f.parts().size(); i++) {
          if (i > 0) {
            out.append('|');
          }
          value(out, f.parts().get(i));
        }
      }
      case Value.Shift s -> {
        value(out, s.left());
        value(out.append("<<"), s.right());
      }
      case Value.Str s -> string(out, s);
      case Value.Struct s -> {
        out.append('{');
        for (int i = 0; i < s.fields().size(); i++) {
          if (i > 0) {
            out.append(", ");
          }
          field(out, s.fields().get(i));
        }
        out.append('}');
      }
      case Value.Items i -> {
        list(out.append('['), i.items());
        out.append(']');
      }
      case Value.Macro m -> {
        list(out.append(m.name()).append('('), m.args());
        out.append(')');
      }
      case Value.Change c -> {
        value(out, c.before());
        value(out.append(" => "), c.after());
      }
      case Value.Rest _ -> out.append("...");
    }
  }

  private static void number(StringBuilder out, Value.Num n) {
    switch (n.form()) {
      case DECIMAL -> out.append(n.value());
      case UNSIGNED -> out.append(Long.toUnsignedString(n.value()));
      case HEX -> out.append("0x").append(Long.toHexString(n.value()));
      case OCTAL -> out.append('0').append(Long.toOctalString(n.value()));
    }
  }

  private static void string(StringBuilder out, Value.Str s) {
    out.append('"');
    for (int i = 0; i < s.text().length(); i++) {
      char c = s.text().charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20 || (c >= 0x7f && c < 0x100)) {
            out.append("\\x").append(Character.forDigit(c >> 4, 16));
            out.append(Character.forDigit(c & 15, 16));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append(s.cut() ? "\"..." : "\"");
  }
}
