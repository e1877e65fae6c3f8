package dev.cocovisor.script.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Carries named values between the text of a log and a backend. */
public final class FieldValues {
  /** What is below is no negative number but a status of 64 bits. */
  private static final long LOWEST_ERROR = -4095;

  private FieldValues() {}

  /** Returns a struct's named entries; positional ones are named by their index. */
  public static Fields toFields(Value.Struct struct) {
    var out = new Fields();
    int position = 0;
    for (Value.Field f : struct.fields()) {
      if (f.value() instanceof Value.Rest) {
        continue;
      }
      String name = f.name().isEmpty() ? Integer.toString(position) : f.name();
      out.putAny(name, toObject(f.value()));
      position++;
    }
    return out;
  }

  private static Object toObject(Value v) {
    return switch (v) {
      case Value.Num n -> n.value();
      case Value.Sym s -> s.name().equals("NULL") ? 0L : s.name();
      case Value.Str s -> s.text();
      case Value.Items i -> list(i.items());
      case Value.Struct s ->
          !s.fields().isEmpty() && s.fields().stream().allMatch(f -> f.name().isEmpty())
              ? list(s.fields().stream().map(Value.Field::value).toList())
              : toFields(s);
      case Value.Change c -> toObject(c.before());
      case Value.Flags _, Value.Shift _ -> {
        Long number = Symbols.number(v);
        yield number == null ? LogWriter.value(v) : number;
      }
      case Value.Macro _, Value.Rest _ -> LogWriter.value(v);
    };
  }

  private static List<Object> list(List<Value> values) {
    var out = new ArrayList<Object>();
    for (Value v : values) {
      if (!(v instanceof Value.Rest)) {
        out.add(toObject(v));
      }
    }
    return out;
  }

  /** Returns named values as the entries of a struct. */
  public static List<Value.Field> toEntries(Fields fields) {
    var out = new ArrayList<Value.Field>();
    for (Map.Entry<String, Object> e : fields.asMap().entrySet()) {
      out.add(Value.Field.of(e.getKey(), toValue(e.getValue())));
    }
    return List.copyOf(out);
  }

  private static Value toValue(Object o) {
    return switch (o) {
      case Long n -> n >= LOWEST_ERROR && n < 10 ? Value.Num.of(n) : Value.Num.hex(n);
      case Fields f -> new Value.Struct(toEntries(f));
      case List<?> l -> new Value.Struct(l.stream().map(FieldValues::positional).toList());
      default -> {
        String text = o.toString();
        yield text.matches("[A-Za-z_][A-Za-z0-9_]*")
            ? new Value.Sym(text)
            : new Value.Str(text, false);
      }
    };
  }

  private static Value.Field positional(Object o) {
    return Value.Field.of("", toValue(o));
  }
}
