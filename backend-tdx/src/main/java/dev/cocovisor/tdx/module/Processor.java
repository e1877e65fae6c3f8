package dev.cocovisor.tdx.module;

import org.jspecify.annotations.Nullable;

/** What the module keeps for one logical processor. */
final class Processor {
  final int number;
  final Frame frame;

  /** The locks of a vCPU that is inside. */
  PamtLocks guestLocks;

  /** What the host finds in its registers after a TD exit. */
  final Registers exit = new Registers();

  @Nullable Tdvps inside;
  long ripOnEntry;
  PendingInterrupts interrupts = PendingInterrupts.NONE;

  /** Whether the last entry dropped the translations this processor held for the TD. */
  boolean translationsDropped;

  /** The host-physical address the last successful guest access reached. */
  long translated;

  final VirtualizationException ve = new VirtualizationException();

  Processor(int number) {
    this.number = number;
    frame = new Frame(number);
    guestLocks = new PamtLocks(frame.group);
  }

  Tdvps guest() {
    Tdvps v = inside;
    if (v == null) {
      throw new IllegalStateException("processor " + number + " is not inside a guest");
    }
    return v;
  }
}
