package dev.cocovisor.script;

import java.util.List;
import java.util.stream.Stream;

/** Builds calls that were never in a file. */
final class Calls {
  private Calls() {}

  static LogCall call(String name, Value... args) {
    return LogCall.of(name, List.of(args));
  }

  static LogCall ioctl(Value fd, String request, Value arg) {
    return call("ioctl", fd, sym(request), arg);
  }

  static Value sym(String name) {
    return new Value.Sym(name);
  }

  static Value flags(String... names) {
    return new Value.Flags(Stream.of(names).map(Calls::sym).toList());
  }

  static Value hex(long n) {
    return Value.Num.hex(n);
  }

  /** A number in decimal, as descriptors are written. */
  static Value fd(long n) {
    return Value.Num.of(n);
  }

  static Value.Struct struct(Value.Field... fields) {
    return new Value.Struct(List.of(fields));
  }

  static Value.Field entry(String name, long n) {
    return Value.Field.of(name, hex(n));
  }
}
