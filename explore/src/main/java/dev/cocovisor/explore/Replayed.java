package dev.cocovisor.explore;

/** One schedule, followed to its end; past it whoever runs goes on as long as possible. */
final class Replayed implements Strategy {
  private final Schedule schedule;
  private int at;

  Replayed(Schedule schedule) {
    this.schedule = schedule;
  }

  @Override
  public String name() {
    return "replay";
  }

  @Override
  public void begin() {
    at = 0;
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    if (at < schedule.length()) {
      int wanted = schedule.at(at++);
      for (int i = 0; i < n; i++) {
        if (options[i] == wanted) {
          return wanted;
        }
      }
    }
    return yields && running >= 0 ? options[1] : options[0];
  }

  @Override
  public int choose(Execution x, int ways) {
    return at < schedule.length() ? Math.min(schedule.at(at++), ways - 1) : 0;
  }

  @Override
  public boolean ended(Execution x) {
    return false;
  }
}
