package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * Whether a step at a {@link SchedulePoint} changes what it touches.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum Mode {
  /** It looks only; two such steps at one place can change order without anybody noticing. */
  READ,
  /** It changes the place, or may. */
  WRITE
}
