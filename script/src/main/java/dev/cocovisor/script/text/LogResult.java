package dev.cocovisor.script.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What stands behind the {@code =} of a call line.
 *
 * @param value the return value: a number, or the struct that {@code kvm_stats} prints
 * @param error the error's name if the call failed, else empty
 * @param exit why the guest stopped, if the line says so
 */
public record LogResult(Value value, String error, @Nullable Exit exit) {
  /**
   * The parenthesis that ends a line of a guest action.
   *
   * @param reason its first word ({@code KVM_EXIT_HLT}, {@code DONE}, {@code GUEST_ABORT})
   * @param fields the details
   */
  public record Exit(String reason, List<Value.Field> fields) {
    /** Returns a detail, or null if the line does not give it. */
    public @Nullable Value get(String name) {
      return new Value.Struct(fields).get(name);
    }
  }

  /** A plain return value. */
  public static LogResult of(Value value) {
    return new LogResult(value, "", null);
  }

  /** A failure. */
  public static LogResult failed(String error) {
    return new LogResult(Value.Num.of(-1), error, null);
  }

  /** The same result with the guest's exit. */
  public LogResult with(Exit why) {
    return new LogResult(value, error, why);
  }

  /** Whether the call failed. */
  public boolean isError() {
    return !error.isEmpty();
  }
}
