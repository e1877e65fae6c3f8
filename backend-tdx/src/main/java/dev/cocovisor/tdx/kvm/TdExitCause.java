package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Fields;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a processor may do by itself while a TD runs on it, by the name or the number of the VMX
 * exit reason; what a guest asks for has actions of its own. Source of the numbers: Intel SDM
 * volume 3, appendix C; of the interruption information: volume 3, VM-exit interruption
 * information.
 */
enum TdExitCause {
  /** A non-maskable interrupt of the host. */
  NMI(0, 0, 0x80000202L),
  /** A machine check: the TD's memory is lost. */
  MACHINE_CHECK(0, 0, 0x80000312L),
  /** An interrupt of the host. */
  EXTERNAL_INTERRUPT(1, 0, 0x80000020L),
  /** The guest met an exception while it handled two others. */
  TRIPLE_FAULT(2, 0, 0),
  /** An INIT signal, for which KVM has no handler. */
  INIT(3, 0, 0),
  /** A system management interrupt. */
  OTHER_SMI(6, 0, 0),
  /** A system management interrupt that tells of a machine check. */
  MACHINE_CHECK_SMI(6, 1, 0),
  /** A task switch, for which KVM has no handler. */
  TASK_SWITCH(9, 0, 0),
  /** An entry of the shared EPT that no processor understands. */
  EPT_MISCONFIG(49, 0, 0),
  /** The guest took a bus lock. */
  BUS_LOCK(74, 0, 0),
  /** The guest let no event in for the time of the notify window. */
  NOTIFY(75, 0, 0);

  /** Bit 26 of an exit reason: a bus lock was taken before the exit. */
  static final long BUS_LOCK_DETECTED = 1L << 26;

  final int reason;
  final long qualification;
  final long interruption;

  TdExitCause(int reason, long qualification, long interruption) {
    this.reason = reason;
    this.qualification = qualification;
    this.interruption = interruption;
  }

  /**
   * Reads the {@code reason} of an action.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  static TdExitCause of(Fields f) {
    Object named = f.asMap().get("reason");
    TdExitCause cause = named == null ? null : find(named);
    if (cause == null) {
      throw new IllegalArgumentException(
          "reason "
              + named
              + ": one of "
              + Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "))
              + ", or its number; EPT violations and TDCALLs come from what the guest does");
    }
    return cause;
  }

  private static @Nullable TdExitCause find(Object named) {
    String text = named.toString().toUpperCase(Locale.ROOT);
    for (TdExitCause c : List.of(values())) {
      if (c.name().equals(text) || (named instanceof Long n && n == c.reason)) {
        return c;
      }
    }
    return null;
  }
}
