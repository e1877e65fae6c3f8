package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * All orders of whole calls: another part goes only between two calls, or where a call waits for
 * another's. What these answer is what calls made at the same time may answer.
 */
final class Serial implements Strategy {
  private final ChoicePath path;

  Serial() {
    this(new ChoicePath());
  }

  private Serial(ChoicePath path) {
    this.path = path;
  }

  @Override
  public String name() {
    return "serial";
  }

  @Override
  public void begin() {
    path.begin();
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    boolean between = running < 0;
    if (!between) {
      ScheduleStep p = x.pending(running);
      between = yields || (p.kind() == PointKind.RETRY && x.isBoundary(p));
    }
    if (!between) {
      return running;
    }
    if (!path.isKnown()) {
      path.fork(Arrays.copyOf(options, n));
    }
    return path.take();
  }

  @Override
  public boolean ended(Execution x) {
    return path.advance();
  }

  @Override
  public boolean exhaustive() {
    return true;
  }

  @Override
  public @Nullable Strategy split() {
    ChoicePath rest = path.split();
    return rest == null ? null : new Serial(rest);
  }
}
