package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.Nullable;

/** EL2's per-CPU state; touched only by its CPU. */
final class HypCpu {
  /** Whether prot_finalize ran here. */
  boolean finalised;

  /** The vCPU on this CPU, if any. */
  @Nullable HypVcpu loaded;

  /** x0 of the last hypercall: 0 dispatched, -1 not. */
  long x0;

  /** x0 of the last guest hypercall answered here. */
  long guestX0;
}
