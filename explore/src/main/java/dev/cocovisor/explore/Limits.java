package dev.cocovisor.explore;

/**
 * How far an exploration goes.
 *
 * @param schedules the most executions
 * @param millis the most time
 * @param steps the most steps of one execution; more is a livelock
 * @param findings the number of kinds of findings after which it stops
 */
public record Limits(long schedules, long millis, int steps, int findings) {
  /** A million schedules, ten minutes, 20,000 steps, the first finding. */
  public static final Limits DEFAULT = new Limits(1_000_000, 600_000, 20_000, 1);

  /** Returns a copy with another number of schedules. */
  public Limits withSchedules(long most) {
    return new Limits(most, millis, steps, findings);
  }

  /** Returns a copy with another time, in milliseconds. */
  public Limits withMillis(long most) {
    return new Limits(schedules, most, steps, findings);
  }

  /** Returns a copy that goes on until so many kinds of findings were made. */
  public Limits withFindings(int most) {
    return new Limits(schedules, millis, steps, most);
  }
}
