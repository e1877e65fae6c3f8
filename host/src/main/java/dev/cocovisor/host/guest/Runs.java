package dev.cocovisor.host.guest;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/** What the end of a run means, whatever the technology calls it. */
final class Runs {
  private Runs() {}

  /** Tells whether the action completed and told the guest of no failure. */
  static boolean done(RunResult run) {
    return completed(run) && status(run.exit()) == 0;
  }

  /** Tells whether the action completed. */
  static boolean completed(RunResult run) {
    return run.errno().ok()
        && switch (run.exit()) {
          case Exit.Hlt _, Exit.Done _ -> true;
          case Exit.Vendor v -> halted(v);
          default -> false;
        };
  }

  /** Tells whether the guest waits for its host to convert memory. */
  static boolean leavesToHost(Exit exit) {
    return exit instanceof Exit.Hypercall
        || exit instanceof Exit.MemoryFault
        || (exit instanceof Exit.Vendor v && v.reason() > 0 && !halted(v));
  }

  /** Returns the byte read, or what an instruction told the guest; 0 where there is nothing. */
  static long status(Exit exit) {
    long value =
        switch (exit) {
          case Exit.Hlt e -> e.value();
          case Exit.Done e -> e.value();
          case Exit.Vendor e -> e.fields().number("status", e.fields().number("rax", 0));
          default -> 0;
        };
    return value == -1 ? 0 : value;
  }

  /** Tells whether a vendor's end is a completed action that only carries more details. */
  private static boolean halted(Exit.Vendor v) {
    return v.reason() < 0 || v.name().equals("KVM_EXIT_HLT");
  }
}
