package dev.cocovisor.tck;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.RunResult;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The assertions of rules: each failure says what was claimed and what was seen. */
final class Claims {
  private Claims() {}

  /** A call that was to succeed was refused. */
  static final class Refusal extends AssertionError {
    private static final long serialVersionUID = 1;

    private Refusal(String call) {
      super(call);
    }
  }

  static void claim(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  static void same(@Nullable Object expected, @Nullable Object seen, String what) {
    if (!Objects.equals(expected, seen)) {
      throw new AssertionError(what + ": expected " + expected + ", saw " + seen);
    }
  }

  /** Claims that a system call succeeded and returns its result. */
  static long succeeds(long ret, String call) {
    if (ret < 0) {
      throw new Refusal(call + " answered " + name(ret));
    }
    return ret;
  }

  /** Claims that KVM_RUN did not fail. */
  static void ran(RunResult run, String what) {
    if (!run.errno().ok()) {
      throw new Refusal(what + " ended with " + run);
    }
  }

  /** Claims that a system call was refused. */
  static void refused(long ret, String call) {
    if (ret >= 0) {
      throw new AssertionError(call + " answered " + ret + " where it has to be refused");
    }
    var _ = name(ret); // an errno the kernel has
  }

  static void answers(Errno expected, long ret, String call) {
    if (ret != -expected.number()) {
      throw new AssertionError(call + ": expected -" + expected + ", saw " + name(ret));
    }
  }

  static String name(long ret) {
    return ret >= 0 ? Long.toString(ret) : "-" + Errno.of((int) -ret);
  }
}
