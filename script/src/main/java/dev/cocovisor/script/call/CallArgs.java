package dev.cocovisor.script.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the arguments of one call as what the call needs, or says where they are not that. */
public final class CallArgs {
  private final String file;
  private final LogCall call;

  public CallArgs(String file, LogCall call) {
    this.file = file;
    this.call = call;
  }

  /** Returns the index of the last argument. */
  public int last() {
    return call.args().size() - 1;
  }

  public long number(int arg) {
    Value v = at(arg, "a number");
    Long n = Symbols.number(v);
    if (n == null) {
      throw wrong(arg, v, "a number or a symbol that " + call.name() + " knows");
    }
    return n;
  }

  public int int32(int arg) {
    return (int) number(arg);
  }

  /** Returns a descriptor; the kernel takes it as an int. */
  public long fd(int arg) {
    return (int) number(arg);
  }

  public String text(int arg) {
    Value v = at(arg, "a string");
    if (v instanceof Value.Str s) {
      return s.text();
    }
    throw wrong(arg, v, "a string");
  }

  public boolean isSymbol(int arg, String name) {
    return arg < call.args().size()
        && call.args().get(arg) instanceof Value.Sym s
        && s.name().equals(name);
  }

  public String ioctl(int arg) {
    Value v = at(arg, "the name of an ioctl");
    String name = Symbols.ioctlName(v);
    if (name == null) {
      throw wrong(arg, v, "the name or number of an ioctl");
    }
    return name;
  }

  /** Returns a list of names, given as strings or symbols; empty if the argument is left out. */
  public List<String> names(int arg) {
    if (arg >= call.args().size()) {
      return List.of();
    }
    Value v = call.args().get(arg);
    return switch (v) {
      case Value.Items i -> i.items().stream().map(one -> name(arg, one)).toList();
      default -> List.of(name(arg, v));
    };
  }

  private String name(int arg, Value v) {
    return switch (v) {
      case Value.Str s -> s.text();
      case Value.Sym s -> s.name();
      default -> throw wrong(arg, v, "a name");
    };
  }

  /** Returns a struct's field that must be there. */
  public long field(int arg, String name) {
    Value v = struct(arg).get(name);
    if (v == null) {
      throw wrong(arg, struct(arg), "a field '" + name + "'");
    }
    return fieldNumber(arg, name, v);
  }

  /** Returns a struct's field, or what it is when left out. */
  public long field(int arg, String name, long otherwise) {
    Value v = arg < call.args().size() ? struct(arg).get(name) : null;
    return v == null ? otherwise : fieldNumber(arg, name, v);
  }

  /** Returns a field's list of numbers, or null if the field is no list. */
  public long @Nullable [] words(int arg, String name) {
    if (!(struct(arg).get(name) instanceof Value.Items list)) {
      return null;
    }
    return list.items().stream().mapToLong(v -> fieldNumber(arg, name, v)).toArray();
  }

  /** Returns a field as a word. */
  public String symbol(int arg, String name) {
    Value v = struct(arg).get(name);
    return switch (v) {
      case Value.Sym s -> s.name();
      case Value.Num n -> LogWriter.value(n);
      case null, default ->
          throw wrong(arg, v == null ? struct(arg) : v, "a field '" + name + "' with a name");
    };
  }

  /** Returns a field as text, or what it is when left out. */
  public String textField(int arg, String name, String otherwise) {
    return arg < call.args().size() ? fields(arg).text(name, otherwise) : otherwise;
  }

  public Fields fields(int arg) {
    return arg < call.args().size() ? FieldValues.toFields(struct(arg)) : new Fields();
  }

  /** Returns a struct's fields but one. */
  public Fields without(int arg, String name) {
    List<Value.Field> rest =
        struct(arg).fields().stream().filter(f -> !f.name().equals(name)).toList();
    return FieldValues.toFields(new Value.Struct(rest));
  }

  /** Returns a struct's fields; an argument that is no struct becomes the field {@code arg}. */
  public Fields fieldsOrArgument(int arg) {
    if (arg >= call.args().size()) {
      return new Fields();
    }
    Value v = before(call.args().get(arg));
    return v instanceof Value.Struct s
        ? FieldValues.toFields(s)
        : FieldValues.toFields(new Value.Struct(List.of(Value.Field.of("arg", v))));
  }

  private Value.Struct struct(int arg) {
    Value v = before(at(arg, "'{'"));
    if (v instanceof Value.Struct s) {
      return s;
    }
    throw wrong(arg, v, "'{'");
  }

  private long fieldNumber(int arg, String name, Value v) {
    Long n = Symbols.number(before(v));
    if (n == null) {
      throw wrong(arg, v, "a number or a known symbol for '" + name + "'");
    }
    return n;
  }

  private static Value before(Value v) {
    return v instanceof Value.Change c ? c.before() : v;
  }

  private Value at(int arg, String expected) {
    if (arg < 0 || arg >= call.args().size()) {
      throw new LogSyntaxException(
          file,
          call.line(),
          call.columnOf(-1),
          call.name() + " with " + call.args().size() + " arguments",
          expected + " as argument " + (Math.max(arg, 0) + 1));
    }
    return call.args().get(arg);
  }

  private LogSyntaxException wrong(int arg, @Nullable Value found, String expected) {
    int column = call.columnOf(arg);
    if (found != null
        && arg < call.args().size()
        && before(call.args().get(arg)) instanceof Value.Struct s) {
      for (Value.Field f : s.fields()) {
        if (f.value() == found && f.column() > 0) {
          column = f.column();
        }
      }
    }
    String text = found == null ? "nothing" : "'" + LogWriter.value(found) + "'";
    return new LogSyntaxException(file, call.line(), column, text, expected);
  }
}
