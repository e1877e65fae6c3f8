package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * All orders of whole calls: another part goes only between two calls, or where a call waits for
 * another's. What these answer is what calls made at the same time may answer.
 */
final class Serial implements Strategy {
  private final List<int[]> path = new ArrayList<>();
  private final List<Integer> at = new ArrayList<>();
  private int depth;
  private boolean done;

  @Override
  public String name() {
    return "serial";
  }

  @Override
  public void begin() {
    depth = 0;
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    boolean between = running < 0;
    if (!between) {
      Step p = x.pending(running);
      between = yields || (p.kind() == PointKind.RETRY && x.isBoundary(p));
    }
    if (!between) {
      return running;
    }
    if (depth == path.size()) {
      path.add(Arrays.copyOf(options, n));
      at.add(0);
    }
    int next = path.get(depth)[at.get(depth)];
    depth++;
    return next;
  }

  @Override
  public boolean ended(Execution x) {
    while (!path.isEmpty()) {
      int last = path.size() - 1;
      if (at.get(last) + 1 < path.get(last).length) {
        at.set(last, at.get(last) + 1);
        return true;
      }
      path.removeLast();
      at.removeLast();
    }
    done = true;
    return false;
  }

  @Override
  public boolean exhaustive() {
    return done;
  }
}
