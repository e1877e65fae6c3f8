package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.VirtualizationException;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import dev.cocovisor.tdx.module.td.Tdvps;
import org.jspecify.annotations.Nullable;

/** What the module keeps for one logical processor. */
public final class Processor {
  final int number;
  final Frame frame;

  /** The locks of a vCPU that is inside. */
  PamtLocks guestLocks = new PamtLocks();

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

  /** Creates a processor that is outside every guest. */
  public Processor(int number) {
    this.number = number;
    frame = new Frame(number);
  }

  /** Returns what the host found in its registers at the last TD exit. */
  public Registers exitRegisters() {
    return exit;
  }

  /** Returns what the guest found about its last #VE. */
  public VirtualizationException exception() {
    return ve;
  }

  /** Returns the host-physical address of the last successful guest access. */
  public long translated() {
    return translated;
  }

  /** Tells whether the last entry dropped the translations held for the TD. */
  public boolean droppedTranslations() {
    return translationsDropped;
  }

  /** Returns the vCPU the processor is inside of, or null. */
  public @Nullable Tdvps inside() {
    return inside;
  }

  /** Sets where long calls look for interrupts. */
  public void setInterrupts(PendingInterrupts source) {
    interrupts = source;
  }

  Tdvps guest() {
    Tdvps v = inside;
    if (v == null) {
      throw new IllegalStateException("processor " + number + " is not inside a guest");
    }
    return v;
  }
}
