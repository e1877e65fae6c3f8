package dev.cocovisor.api.trusted;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * The failures planned for one trusted half. Every technology's platform has one, asked before each
 * call; without a plan it costs one read and a branch and asks the host's interposer.
 *
 * <p>Thread-safe as far as exploration needs it: a plan is made while no call is under way.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class FaultPlan implements Interposer {
  /**
   * How a technology's calls say that they failed.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  @FunctionalInterface
  public interface Failures {
    /**
     * Returns what a call answers when it fails this way, or {@link Interposer#PROCEED} where it
     * never does.
     */
    long answer(TrustedCall call, TrustedFault.How how);
  }

  private static final TrustedFault.How[] HOWS = TrustedFault.How.values();

  private final List<? extends TrustedCall> calls;
  private final Failures failures;
  private final Interposer next;
  private volatile @Nullable TrustedFault fault;
  private int left;

  /**
   * Creates an empty plan.
   *
   * @param calls the rows of the trusted half
   * @param failures how they say that they failed
   * @param next asked about each call that the plan lets through: the host's interposer
   */
  public FaultPlan(List<? extends TrustedCall> calls, Failures failures, Interposer next) {
    this.calls = List.copyOf(calls);
    this.failures = failures;
    this.next = next;
  }

  /**
   * Plans the failure of the next calls; an earlier plan is dropped.
   *
   * @return {@link Errno#OK}, {@link Errno#ENOENT} where no call has the name or does such work, or
   *     {@link Errno#EOPNOTSUPP} where those that are meant never fail so
   */
  public Errno plan(TrustedFault planned) {
    boolean meant = false;
    boolean fails = false;
    for (TrustedCall c : calls) {
      if (planned.means(c)) {
        meant = true;
        fails |= failures.answer(c, planned.how()) != PROCEED;
      }
    }
    if (!fails) {
      return meant ? Errno.EOPNOTSUPP : Errno.ENOENT;
    }
    left = planned.times();
    fault = planned;
    return Errno.OK;
  }

  @Override
  public long before(TrustedCall call, long a0, long a1, long a2, long a3) {
    TrustedFault planned = fault;
    if (planned != null && planned.means(call)) {
      long answer = failures.answer(call, planned.how());
      if (answer != PROCEED) {
        if (--left == 0) {
          fault = null;
        }
        return answer;
      }
    }
    if (Actor.current() != null) {
      long chosen = chosen(call);
      if (chosen != PROCEED) {
        return chosen;
      }
    }
    return next.before(call, a0, a1, a2, a3);
  }

  /** Lets an explorer choose among the ways in which a call can fail. */
  private long chosen(TrustedCall call) {
    int ways = 1;
    for (TrustedFault.How how : HOWS) {
      ways += failures.answer(call, how) != PROCEED ? 1 : 0;
    }
    int way = ways == 1 ? 0 : SchedulePoint.choose(Choice.FIRMWARE, call, ways);
    for (TrustedFault.How how : HOWS) {
      long answer = failures.answer(call, how);
      if (answer != PROCEED && --way == 0) {
        return answer;
      }
    }
    return PROCEED;
  }
}
