package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Errno;

/** The names of error numbers, those that the model does not have included. */
final class ErrorNames {
  private ErrorNames() {}

  /** Returns a name; {@code E} and the number where there is none. */
  static String of(long number) {
    for (Errno e : Errno.values()) {
      if (e.number() == number && !e.ok()) {
        return e.name();
      }
    }
    return "E" + number;
  }
}
