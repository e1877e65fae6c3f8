package dev.cocovisor.host.trial;

import java.util.Map;

/**
 * What a package may take while it is tried.
 *
 * @param seconds until its code has to have returned
 * @param heapMiB of Java heap
 * @param diskMiB of all files it writes into its folder, and of each file wherever it is
 */
public record TrialLimits(int seconds, int heapMiB, int diskMiB) {
  /** Much more than a backend needs that says who it is and makes a platform. */
  public static final TrialLimits DEFAULT = new TrialLimits(20, 256, 64);

  /** Checks the ranges. */
  public TrialLimits {
    if (seconds < 1 || seconds > 3600 || heapMiB < 16 || heapMiB > 65_536 || diskMiB < 1) {
      throw new IllegalArgumentException(
          "a trial has 1 to 3600 seconds, 16 to 65536 MiB of heap, at least 1 MiB of disk");
    }
  }

  /**
   * Returns the limits that the environment sets: {@code COCOVISOR_TRIAL_SECONDS}, {@code
   * COCOVISOR_TRIAL_HEAP_MB}, {@code COCOVISOR_TRIAL_DISK_MB}.
   *
   * @throws IllegalArgumentException if one is no number, or out of range
   */
  public static TrialLimits of(Map<String, String> environment) {
    return new TrialLimits(
        number(environment, "COCOVISOR_TRIAL_SECONDS", DEFAULT.seconds),
        number(environment, "COCOVISOR_TRIAL_HEAP_MB", DEFAULT.heapMiB),
        number(environment, "COCOVISOR_TRIAL_DISK_MB", DEFAULT.diskMiB));
  }

  private static int number(Map<String, String> environment, String name, int otherwise) {
    String value = environment.getOrDefault(name, "");
    if (value.isEmpty()) {
      return otherwise;
    }
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + "=" + value + ": a whole number expected", e);
    }
  }
}
