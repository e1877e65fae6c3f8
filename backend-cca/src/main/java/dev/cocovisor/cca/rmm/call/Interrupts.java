package dev.cocovisor.cca.rmm.call;

import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.SchedulePoint;

/**
 * Whether a physical interrupt is pending for a PE, as the RMM samples it between the steps of an
 * operation that may stop half way (ISR_EL1).
 */
@FunctionalInterface
public interface Interrupts {
  /** None in an ordinary run; in an explored one each sampling is a choice. */
  Interrupts CHOSEN = pe -> SchedulePoint.choose(Choice.INTERRUPT, pe, 2) != 0;

  /** Samples. */
  boolean pending(Pe pe);
}
