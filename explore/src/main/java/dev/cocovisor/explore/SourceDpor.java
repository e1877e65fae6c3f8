package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One schedule of each kind, without a bound: dynamic partial order reduction with source sets and
 * sleep sets (Abdulla, Aronsson, Jonsson, Sagonas: Optimal Dynamic Partial Order Reduction, POPL
 * 2014, algorithm 1).
 *
 * <p>Executions are of one kind if they differ only in the order of steps whose order makes no
 * difference. After an execution every race in it, two conflicting steps of different parts with
 * nothing between them that orders them, is made to happen the other way round, unless a part from
 * which that follows is to be tried at the earlier step already. A part that was tried there sleeps
 * from then on until a step conflicts with its own; an execution in which all who could go on sleep
 * is one of a kind seen before and is given up.
 *
 * <p>Taking a lock and giving it up cannot happen the other way round; two who take it can. When
 * nothing is left to try, what was seen is all that can be seen, and a search without a finding is
 * a proof for this scenario.
 */
final class SourceDpor implements Strategy {
  private static final class Node {
    final int part;
    final Execution.Before before;
    int backtrack;
    int done;
    int sleep;

    Node(int part, Execution.Before before, int sleep) {
      this.part = part;
      this.before = before;
      this.sleep = sleep;
      this.backtrack = 1 << part;
    }
  }

  private final List<Node> stack = new ArrayList<>();

  /** The step that each sleeping part stands before. */
  private final @Nullable ScheduleStep[] sleepers = new ScheduleStep[32];

  private int[] prefix = {};
  private int prefixSleep;
  private ScheduleStep[] prefixPending = {};
  private int sleep;
  private int at;
  private long pruned;

  @Override
  public String name() {
    return "dpor";
  }

  @Override
  public boolean needsSteps() {
    return true;
  }

  @Override
  public void begin() {
    at = 0;
    sleep = 0;
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    int i = at;
    if (i < prefix.length) {
      return prefix[i];
    }
    if (yields && running >= 0) {
      // A retry that nobody else has changed anything for would only repeat itself.
      for (int o = 1; o < n; o++) {
        if ((sleep & 1 << options[o]) == 0) {
          return options[o];
        }
      }
    }
    for (int o = 0; o < n; o++) {
      if ((sleep & 1 << options[o]) == 0) {
        return options[o];
      }
    }
    x.prune();
    return options[0];
  }

  @Override
  public void step(ScheduleStep s) {
    int i = at++;
    if (i < prefix.length - 1) {
      return;
    }
    if (i == prefix.length - 1) {
      sleep = awake(prefixSleep, prefixPending, s);
    } else {
      sleep = awake(sleep, sleepers, s);
    }
  }

  @Override
  public int asleep() {
    return sleep;
  }

  /** Sleeping parts stay asleep while what is done has nothing to do with their step. */
  private int awake(int sleeping, @Nullable ScheduleStep[] pending, ScheduleStep s) {
    int still = 0;
    for (int p = 0; sleeping >>> p != 0; p++) {
      ScheduleStep own = p < pending.length ? pending[p] : null;
      if ((sleeping & 1 << p) != 0 && own != null) {
        sleepers[p] = own;
        still |= own.touchesAlike(s) ? 0 : 1 << p;
      }
    }
    return still & ~(1 << s.part());
  }

  @Override
  public boolean ended(Execution x) {
    if (x.pruned()) {
      pruned++;
    }
    record(x);
    addBacktracks(x);
    for (int i = stack.size() - 1; i >= 0; i--) {
      Node node = stack.get(i);
      node.done |= 1 << node.part;
      int open = node.backtrack & ~node.done & ~node.sleep;
      if (open == 0) {
        stack.removeLast();
        continue;
      }
      int q = Integer.numberOfTrailingZeros(open);
      prefix = new int[i + 1];
      for (int k = 0; k < i; k++) {
        prefix[k] = stack.get(k).part;
      }
      prefix[i] = q;
      prefixSleep = node.sleep | node.done;
      prefixPending = node.before.pending();
      Node again = new Node(q, node.before, node.sleep);
      again.backtrack = node.backtrack;
      again.done = node.done;
      stack.set(i, again);
      return true;
    }
    return false;
  }

  /** Puts the steps made behind the prefix on the stack, each with who slept before it. */
  private void record(Execution x) {
    int kept = Math.min(stack.size(), prefix.length);
    while (stack.size() > kept) {
      stack.removeLast();
    }
    List<ScheduleStep> made = x.made();
    int sleeping = prefix.length == 0 ? 0 : prefixSleep;
    ScheduleStep[] pending = prefixPending;
    if (prefix.length > 0 && !made.isEmpty() && prefix.length <= made.size()) {
      sleeping = stillAsleep(sleeping, pending, made.get(prefix.length - 1));
    }
    for (int i = kept; i < made.size(); i++) {
      Execution.Before b = x.before(i);
      stack.add(new Node(made.get(i).part(), b, sleeping));
      sleeping = stillAsleep(sleeping, b.pending(), made.get(i));
    }
  }

  private static int stillAsleep(int sleeping, ScheduleStep[] pending, ScheduleStep s) {
    int still = 0;
    for (int p = 0; p < pending.length; p++) {
      if ((sleeping & 1 << p) != 0 && !pending[p].touchesAlike(s)) {
        still |= 1 << p;
      }
    }
    return still & ~(1 << s.part());
  }

  private void addBacktracks(Execution x) {
    List<ScheduleStep> made = x.made();
    int n = Math.min(made.size(), stack.size());
    int parts = n == 0 ? 0 : x.before(0).pending().length;
    int[][] clock = new int[n][];
    int[] last = new int[parts];
    Arrays.fill(last, -1);
    for (int j = 0; j < n; j++) {
      ScheduleStep s = made.get(j);
      int[] before = last[s.part()] < 0 ? none(parts) : clock[last[s.part()]].clone();
      int[] order = before.clone();
      for (int i = j - 1; i >= 0; i--) {
        ScheduleStep e = made.get(i);
        if (e.part() == s.part() || !e.touchesAlike(s)) {
          continue;
        }
        if (enables(e, s)) {
          order = join(order, clock[i]);
          continue;
        }
        if (before[e.part()] < i) {
          reverse(made, clock, i, j);
          before = join(before, clock[i]);
        }
        order = join(order, clock[i]);
      }
      order[s.part()] = j;
      clock[j] = order;
      last[s.part()] = j;
    }
  }

  /** What is given up lets others go on: that cannot be the other way round. */
  private static boolean enables(ScheduleStep earlier, ScheduleStep later) {
    return earlier.kind() == PointKind.UNLOCK
        && (later.kind() == PointKind.LOCK || later.kind() == PointKind.WAIT);
  }

  private static int[] none(int parts) {
    int[] c = new int[parts];
    Arrays.fill(c, -1);
    return c;
  }

  private static int[] join(int[] a, int[] b) {
    int[] c = a.clone();
    for (int i = 0; i < c.length; i++) {
      c[i] = Math.max(c[i], b[i]);
    }
    return c;
  }

  /** Lets the race of steps {@code i} and {@code j} be tried the other way round. */
  private void reverse(List<ScheduleStep> made, int[][] clock, int i, int j) {
    Node node = stack.get(i);
    ScheduleStep first = made.get(i);
    int seen = 0;
    int initials = 0;
    for (int k = i + 1; k <= j; k++) {
      ScheduleStep s = made.get(k);
      boolean after = k < j && clock[k][first.part()] >= i;
      if (after || (seen & 1 << s.part()) != 0) {
        continue;
      }
      boolean initial = true;
      for (int m = i + 1; m < k && initial; m++) {
        boolean inV = clock[m][first.part()] < i;
        boolean orders =
            k < j
                ? clock[k][made.get(m).part()] >= m
                : made.get(m).touchesAlike(s) || made.get(m).part() == s.part();
        initial = !(inV && orders);
      }
      seen |= 1 << s.part();
      initials |= initial ? 1 << s.part() : 0;
    }
    initials &= node.before.enabled();
    if (initials == 0) {
      // Whoever could go on there may lead to it.
      node.backtrack |= node.before.enabled();
    } else if ((initials & node.backtrack) == 0) {
      int later = 1 << made.get(j).part();
      node.backtrack |= (initials & later) != 0 ? later : Integer.lowestOneBit(initials);
    }
  }

  /** Returns how many executions were given up as of a kind seen before. */
  long pruned() {
    return pruned;
  }

  @Override
  public boolean exhaustive() {
    return true;
  }
}
