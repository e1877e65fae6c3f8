package dev.cocovisor.tck.bench;

import dev.cocovisor.api.Errno;
import dev.cocovisor.vmm.Outcome;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The assertions of rules: each failure says what was claimed and what was seen. */
public final class Claims {
  private Claims() {}

  /** A call that was to succeed was refused. */
  public static final class Refusal extends AssertionError {
    private static final long serialVersionUID = 1;

    private Refusal(String call) {
      super(call);
    }
  }

  /** Claims something in words. */
  public static void claim(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  /** Claims something of a value: what was expected of it, in words, and what it is. */
  public static void claim(boolean holds, String what, String expected, @Nullable Object seen) {
    if (!holds) {
      throw new AssertionError(what + ": expected " + expected + ", saw " + seen);
    }
  }

  /** Claims that two values are equal. */
  public static void same(@Nullable Object expected, @Nullable Object seen, String what) {
    if (!Objects.equals(expected, seen)) {
      throw new AssertionError(what + ": expected " + expected + ", saw " + seen);
    }
  }

  /** Claims that a system call succeeded and returns its result. */
  public static long succeeds(long ret, String call) {
    if (ret < 0) {
      throw new Refusal(call + ": expected success, saw " + name(ret));
    }
    return ret;
  }

  /** Claims that a step did what was asked. */
  public static void succeeds(Outcome outcome, String step) {
    if (!outcome.done()) {
      throw new Refusal(step + ": expected to be done, saw " + outcome);
    }
  }

  /** Claims that a system call was refused. */
  public static void refused(long ret, String call) {
    if (ret >= 0) {
      throw new AssertionError(call + ": expected a refusal, saw " + ret);
    }
    var _ = name(ret); // an errno the kernel has
  }

  /** Claims that a step did not do what was asked. */
  public static void refused(Outcome outcome, String step) {
    if (outcome.done()) {
      throw new AssertionError(step + ": expected a refusal, saw " + outcome);
    }
  }

  /** Claims that a system call answered an errno. */
  public static void answers(Errno expected, long ret, String call) {
    if (ret != -expected.number()) {
      throw new AssertionError(call + ": expected -" + expected + ", saw " + name(ret));
    }
  }

  /** Returns an answer as strace writes it. */
  public static String name(long ret) {
    return ret >= 0 ? Long.toString(ret) : "-" + Errno.of((int) -ret);
  }
}
