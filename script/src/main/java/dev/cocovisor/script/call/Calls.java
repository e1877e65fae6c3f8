package dev.cocovisor.script.call;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.List;
import java.util.stream.Stream;

/** Builds calls that were never in a file. */
public final class Calls {
  private Calls() {}

  public static LogCall call(String name, Value... args) {
    return LogCall.of(name, List.of(args));
  }

  public static LogCall ioctl(Value fd, String request, Value arg) {
    return call("ioctl", fd, sym(request), arg);
  }

  public static Value sym(String name) {
    return new Value.Sym(name);
  }

  public static Value flags(String... names) {
    return new Value.Flags(Stream.of(names).map(Calls::sym).toList());
  }

  public static Value hex(long n) {
    return Value.Num.hex(n);
  }

  /** A number in decimal, as descriptors are written. */
  public static Value fd(long n) {
    return Value.Num.of(n);
  }

  public static Value.Struct struct(Value.Field... fields) {
    return new Value.Struct(List.of(fields));
  }

  public static Value.Field entry(String name, long n) {
    return Value.Field.of(name, hex(n));
  }
}
