package dev.cocovisor.api.sched;

/** Whether a step at a {@link SchedulePoint} changes what it touches. */
public enum Mode {
  /** It looks only; two such steps at one place can change order without anybody noticing. */
  READ,
  /** It changes the place, or may. */
  WRITE
}
