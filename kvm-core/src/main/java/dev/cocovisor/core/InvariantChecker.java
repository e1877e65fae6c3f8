package dev.cocovisor.core;

import java.util.function.Consumer;

/** Looks for what must never be, between calls; may cost time proportional to all tables. */
@FunctionalInterface
public interface InvariantChecker {
  /** The checks of the core and of every platform, which hosts have unless given others. */
  InvariantChecker STANDARD =
      (host, violation) -> {
        Invariants.check(host, violation);
        host.platforms().forEach(p -> p.checkInvariants(violation));
      };

  /**
   * Reports everything broken, in words that name the VM and the gfn or frame.
   *
   * @param host the host; nothing runs on it meanwhile
   */
  void check(Kvm host, Consumer<String> violation);

  /** Returns a checker that looks for this one's violations, then for the other's. */
  default InvariantChecker and(InvariantChecker other) {
    return (host, violation) -> {
      check(host, violation);
      other.check(host, violation);
    };
  }
}
