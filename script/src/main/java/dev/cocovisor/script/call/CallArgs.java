package dev.cocovisor.script.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the arguments of one call as what the call needs, or says where they are not that. */
public final class CallArgs {
  /** What strace prints of structs besides the fields that calls read. */
  private static final Pattern BESIDES = Pattern.compile("args\\[\\d]|(pad|reserved).*");

  private final String file;
  private final LogCall call;
  private final Words words;

  /** Fields that were asked for; what a struct holds besides is a mistake. */
  private final Set<String> asked = new LinkedHashSet<>();

  /** One bit for each argument that was read as a struct. */
  private long taken;

  private boolean open;

  /**
   * Begins to read a call.
   *
   * @param file the log's name, for errors
   */
  public CallArgs(String file, LogCall call, Words words) {
    this.file = file;
    this.call = call;
    this.words = words;
  }

  /** Returns the call's name. */
  public String name() {
    return call.name();
  }

  /** Returns the index of the last argument. */
  public int last() {
    return call.args().size() - 1;
  }

  /**
   * Ends the reading: nothing may be left over.
   *
   * @throws LogSyntaxException if a struct has a field nobody asked for; it says which was meant
   */
  public void end() {
    if (open) {
      return;
    }
    for (int i = 0; i < call.args().size(); i++) {
      if ((taken & 1L << i) != 0 && before(call.args().get(i)) instanceof Value.Struct s) {
        for (Value.Field f : s.fields()) {
          if (!f.name().isEmpty() && !asked.contains(f.name()) && !isBesides(f.name())) {
            throw refused(f.column(), "field", f.name(), asked);
          }
        }
      }
    }
  }

  /**
   * Ends the reading of a call that takes arguments up to a number.
   *
   * @throws LogSyntaxException as {@link #end()}, or if there are more
   */
  public void end(int most) {
    if (call.args().size() > most) {
      throw new LogSyntaxException(
          file,
          call.line(),
          call.columnOf(most),
          call.name() + " with " + call.args().size() + " arguments",
          most + " at most");
    }
    end();
  }

  private static boolean isBesides(String field) {
    return BESIDES.matcher(field).matches();
  }

  /** Refuses a word nobody knows, saying which was meant. */
  public LogSyntaxException refused(
      int column, String what, String written, Collection<String> known) {
    return new LogSyntaxException(
        file, call.line(), Math.max(column, 1), Nearest.refusal(what, written, known));
  }

  /** Returns the column of a field, or of its struct where it was never in a file. */
  public int columnOf(int arg, String field) {
    if (arg < call.args().size() && before(call.args().get(arg)) instanceof Value.Struct s) {
      for (Value.Field f : s.fields()) {
        if (f.name().equals(field) && f.column() > 0) {
          return f.column();
        }
      }
    }
    return call.columnOf(arg);
  }

  /** Returns an argument as a number. */
  public long number(int arg) {
    Value v = at(arg, "a number");
    Long n = words.number(v);
    if (n == null) {
      throw unknown(arg, v, "a number or a symbol that " + call.name() + " knows");
    }
    return n;
  }

  /** Returns an argument as the kernel takes an int. */
  public int int32(int arg) {
    return (int) number(arg);
  }

  /** Returns a descriptor; the kernel takes it as an int. */
  public long fd(int arg) {
    return (int) number(arg);
  }

  /** Returns an argument that is a string. */
  public String text(int arg) {
    Value v = at(arg, "a string");
    if (v instanceof Value.Str s) {
      return s.text();
    }
    throw wrong(arg, v, "a string");
  }

  /** Refuses a limit of setrlimit that is not modelled. */
  LogSyntaxException wrongLimit(int arg) {
    return wrong(arg, at(arg, "RLIMIT_MEMLOCK"), "RLIMIT_MEMLOCK");
  }

  /** Tells whether an argument is this string. */
  public boolean isText(int arg, String text) {
    return arg < call.args().size()
        && call.args().get(arg) instanceof Value.Str s
        && s.text().equals(text);
  }

  /** Returns an argument that is a list of numbers. */
  public List<Long> items(int arg) {
    Value v = at(arg, "a list of numbers");
    if (!(v instanceof Value.Items list)) {
      throw wrong(arg, v, "a list of numbers");
    }
    return list.items().stream()
        .map(one -> {
          Long n = words.number(one);
          if (n == null) {
            throw wrong(arg, one, "a number");
          }
          return n;
        })
        .toList();
  }

  /** Tells whether an argument is this flag, or has it among others; other words do not matter. */
  boolean hasFlag(int arg, String name) {
    Value v = arg < call.args().size() ? call.args().get(arg) : null;
    return v instanceof Value.Flags f
        ? f.parts().contains(new Value.Sym(name))
        : v instanceof Value.Sym s && s.name().equals(name);
  }

  /** Tells whether an argument is a struct. */
  boolean isStruct(int arg) {
    return arg < call.args().size() && before(call.args().get(arg)) instanceof Value.Struct;
  }

  /** Tells whether a struct has a field. */
  boolean hasField(int arg, String name) {
    return isStruct(arg) && struct(arg).get(name) != null;
  }

  /** Returns a struct's element by its place, as strace prints an iovec without names. */
  long element(int arg, int place) {
    open = true;
    List<Value.Field> fields = struct(arg).fields();
    if (place >= fields.size()) {
      throw wrong(arg, struct(arg), "an address and a length");
    }
    return fieldNumber(arg, "", fields.get(place).value());
  }

  /** Returns the reserved fields of a struct, or'ed. */
  long reserved(int arg) {
    long all = 0;
    for (Value.Field f : struct(arg).fields()) {
      if (f.name().startsWith("reserved")) {
        all |= fieldNumber(arg, f.name(), f.value());
      }
    }
    return all;
  }

  /** Tells whether an argument is this symbol. */
  public boolean isSymbol(int arg, String name) {
    return arg < call.args().size()
        && call.args().get(arg) instanceof Value.Sym s
        && s.name().equals(name);
  }

  /** Returns the name of the ioctl that an argument names or numbers. */
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
    asked.add(name);
    Value v = struct(arg).get(name);
    if (v == null) {
      throw wrong(arg, struct(arg), "a field '" + name + "'");
    }
    return fieldNumber(arg, name, v);
  }

  /** Returns a struct's field, or what it is when left out. */
  public long field(int arg, String name, long otherwise) {
    asked.add(name);
    Value v = arg < call.args().size() ? struct(arg).get(name) : null;
    return v == null ? otherwise : fieldNumber(arg, name, v);
  }

  /** Returns a field's list of numbers, or null if the field is no list. */
  public long @Nullable [] words(int arg, String name) {
    asked.add(name);
    if (!(struct(arg).get(name) instanceof Value.Items list)) {
      return null;
    }
    return list.items().stream().mapToLong(v -> fieldNumber(arg, name, v)).toArray();
  }

  /** Returns a field as a word. */
  public String symbol(int arg, String name) {
    asked.add(name);
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
    asked.add(name);
    Value v = arg < call.args().size() ? struct(arg).get(name) : null;
    return switch (v == null ? null : before(v)) {
      case null -> otherwise;
      case Value.Str s -> s.text();
      case Value other -> LogWriter.value(other);
    };
  }

  /**
   * Returns a field that is one of a few words, or what it is when left out.
   *
   * @throws LogSyntaxException if it is none of them; it says which was meant
   */
  public String word(int arg, String name, String otherwise, Collection<String> known) {
    String text = textField(arg, name, otherwise);
    if (!text.equals(otherwise) && !known.contains(text)) {
      throw refused(columnOf(arg, name), "'" + name + "'", text, known);
    }
    return text;
  }

  /** Returns all fields of a struct, as a technology takes them. */
  public Fields fields(int arg) {
    open = true;
    return arg < call.args().size() ? FieldValues.toFields(struct(arg)) : new Fields();
  }

  /** Returns a struct's fields but some. */
  public Fields without(int arg, String... names) {
    open = true;
    if (arg >= call.args().size()) {
      return new Fields();
    }
    List<String> some = List.of(names);
    List<Value.Field> rest =
        struct(arg).fields().stream().filter(f -> !some.contains(f.name())).toList();
    return FieldValues.toFields(new Value.Struct(rest));
  }

  /** Returns a struct's fields; an argument that is no struct becomes the field {@code arg}. */
  public Fields fieldsOrArgument(int arg) {
    open = true;
    if (arg >= call.args().size()) {
      return new Fields();
    }
    Value v = before(call.args().get(arg));
    return v instanceof Value.Struct s
        ? FieldValues.toFields(s)
        : FieldValues.toFields(new Value.Struct(List.of(Value.Field.of("arg", v))));
  }

  private Value.Struct struct(int arg) {
    taken |= 1L << arg;
    Value v = before(at(arg, "'{'"));
    if (v instanceof Value.Struct s) {
      return s;
    }
    throw wrong(arg, v, "'{'");
  }

  private long fieldNumber(int arg, String name, Value v) {
    Long n = words.number(before(v));
    if (n == null) {
      throw unknown(arg, v, "a number or a known symbol for '" + name + "'");
    }
    return n;
  }

  /** A symbol, or one of several, that has no number; or something else altogether. */
  private LogSyntaxException unknown(int arg, Value v, String expected) {
    List<Value> parts = before(v) instanceof Value.Flags f ? f.parts() : List.of(before(v));
    for (Value part : parts) {
      if (part instanceof Value.Sym s && words.number(s) == null) {
        String meant = Nearest.to(s.name(), words.symbols());
        if (meant != null) {
          return new LogSyntaxException(
              file,
              call.line(),
              columnOf(arg, v),
              "no symbol '" + s.name() + "': did you mean " + meant + "?");
        }
      }
    }
    return wrong(arg, v, expected);
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
    int column = found == null ? call.columnOf(arg) : columnOf(arg, found);
    String text = found == null ? "nothing" : "'" + LogWriter.value(found) + "'";
    return new LogSyntaxException(file, call.line(), column, text, expected);
  }

  /** Returns the column of the field that holds a value, or of the argument. */
  private int columnOf(int arg, Value found) {
    if (arg < call.args().size() && before(call.args().get(arg)) instanceof Value.Struct s) {
      for (Value.Field f : s.fields()) {
        if (f.value() == found && f.column() > 0) {
          return f.column();
        }
      }
    }
    return call.columnOf(arg);
  }
}
