package dev.cocovisor.core.host;

import dev.cocovisor.api.Capability;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What KVM_CHECK_EXTENSION answers on a certain machine, where that is not what the model would: a
 * text of {@code NAME=N} for /dev/kvm and VMs alike, or {@code NAME=N/M} where VMs answer M,
 * separated by spaces. A name is one of KVM_CAP_* or a number.
 */
public final class CapabilityAnswers {
  private record Answer(long system, long vm) {}

  private final Map<Long, Answer> answers = new HashMap<>();

  /**
   * Reads the text.
   *
   * @throws IllegalArgumentException if it is none
   */
  public CapabilityAnswers(String text) {
    if (text.isBlank()) {
      return;
    }
    for (String one : text.strip().split("\\s+", -1)) {
      if (!one.isEmpty()) {
        read(one);
      }
    }
  }

  private void read(String one) {
    int equals = one.indexOf('=');
    if (equals <= 0) {
      throw new IllegalArgumentException("'" + one + "': NAME=N or NAME=N/M expected");
    }
    String[] values = one.substring(equals + 1).split("/", 2);
    long system = number(one, values[0]);
    long vm = values.length > 1 ? number(one, values[1]) : system;
    answers.put(capability(one, one.substring(0, equals)), new Answer(system, vm));
  }

  private static long capability(String one, String name) {
    return Arrays.stream(Capability.values())
        .filter(c -> c.name().equals(name))
        .findFirst()
        .map(c -> (long) c.number())
        .orElseGet(() -> number(one, name));
  }

  private static long number(String one, String text) {
    try {
      return Long.decode(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'" + one + "': '" + text + "' is no number and no capability's name", e);
    }
  }

  /** Tells whether the machine's answer is written down. */
  boolean has(long capability) {
    return answers.containsKey(capability);
  }

  /** Returns the answer that is written down, on a VM or on /dev/kvm; 0 if none is. */
  long of(long capability, boolean onVm) {
    Answer a = answers.get(capability);
    return a == null ? 0 : onVm ? a.vm() : a.system();
  }
}
