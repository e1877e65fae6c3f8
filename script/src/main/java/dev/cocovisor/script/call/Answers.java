package dev.cocovisor.script.call;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Compares what a log says with what the model answered. What is written is an expectation; what is
 * left out (a whole result, an exit, a field) is none.
 */
public final class Answers {
  private Answers() {}

  /** Returns null if the answer meets what the line says, else what was expected, as text. */
  public static @Nullable String unmet(LogCall call, Reply reply) {
    LogResult expected = call.result();
    if (expected == null) {
      return null;
    }
    boolean same =
        returns(expected, reply)
            && exits(expected, reply)
            && (reply.written() == null || writes(call, reply.written()));
    if (same) {
      return null;
    }
    Value after = after(call);
    return (after == null ? "" : LogWriter.value(after) + " ") + LogWriter.result(expected);
  }

  /** Returns the answer as text, to stand beside {@link #unmet}. */
  public static String got(LogCall call, Reply reply) {
    return (reply.written() == null || after(call) == null
            ? ""
            : LogWriter.value(reply.written()) + " ")
        + LogWriter.result(reply.result());
  }

  private static boolean returns(LogResult expected, Reply reply) {
    LogResult got = reply.result();
    if (expected.isError() || got.isError()) {
      return expected.error().equals(got.error());
    }
    if (reply.opened()) {
      Long number = Symbols.number(expected.value());
      return number == null || number >= 0;
    }
    return matches(expected.value(), got.value());
  }

  private static boolean exits(LogResult expected, Reply reply) {
    LogResult.Exit want = expected.exit();
    if (want == null) {
      return true;
    }
    LogResult.Exit got = reply.result().exit();
    return got != null
        && want.reason().equals(got.reason())
        && matches(new Value.Struct(want.fields()), new Value.Struct(got.fields()));
  }

  private static boolean writes(LogCall call, Value.Struct written) {
    Value after = after(call);
    return after == null || matches(after, written);
  }

  /** Returns what the line says was written back, or null if it says nothing. */
  private static @Nullable Value after(LogCall call) {
    for (Value arg : call.args()) {
      if (arg instanceof Value.Change c) {
        return c.after();
      }
      if (arg instanceof Value.Struct s && call.name().equals("fstat")) {
        return s;
      }
    }
    return null;
  }

  /** Tells whether a value is what was written, however either is spelled. */
  public static boolean matches(Value want, Value got) {
    if (want instanceof Value.Rest) {
      return true;
    }
    if (want instanceof Value.Struct w && got instanceof Value.Struct g) {
      return structMatches(w, g);
    }
    if (want instanceof Value.Items w && got instanceof Value.Items g) {
      return itemsMatch(w.items(), g.items());
    }
    // A list in braces, as strace prints some and the model writes all.
    if (want instanceof Value.Items w
        && got instanceof Value.Struct g
        && g.fields().stream().allMatch(f -> f.name().isEmpty())) {
      return itemsMatch(w.items(), g.fields().stream().map(Value.Field::value).toList());
    }
    Long w = Symbols.number(want);
    Long g = Symbols.number(got);
    if (w != null && g != null) {
      return w.equals(g);
    }
    return text(want).equals(text(got));
  }

  /** An ellipsis at the end stands for any number of items. */
  private static boolean itemsMatch(List<Value> want, List<Value> got) {
    boolean open = !want.isEmpty() && want.getLast() instanceof Value.Rest;
    int n = open ? want.size() - 1 : want.size();
    return (open ? n <= got.size() : n == got.size())
        && IntStream.range(0, n).allMatch(i -> matches(want.get(i), got.get(i)));
  }

  private static boolean structMatches(Value.Struct want, Value.Struct got) {
    for (int i = 0; i < want.fields().size(); i++) {
      Value.Field f = want.fields().get(i);
      if (f.value() instanceof Value.Rest) {
        continue;
      }
      Value v;
      if (f.name().isEmpty()) {
        v = i < got.fields().size() ? got.fields().get(i).value() : null;
      } else {
        v = got.get(f.name());
        // strace prints a stat's other members too: the model has no opinion on them.
        if (v == null && f.name().startsWith("st_")) {
          continue;
        }
      }
      if (v == null || !matches(f.value(), v)) {
        return false;
      }
    }
    return true;
  }

  private static String text(Value v) {
    return v instanceof Value.Str s ? s.text() : LogWriter.value(v);
  }
}
