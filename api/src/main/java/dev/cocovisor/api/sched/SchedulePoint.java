package dev.cocovisor.api.sched;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MutableCallSite;
import org.apiguardian.api.API;

/**
 * The places where another actor may go first: before every access to something that actors share.
 *
 * <p>A point says what it touches, as an object and the index of one of its parts, and whether the
 * step changes it, so that an explorer knows which steps can change order without anybody noticing.
 * Before there is the first {@link Actor} a point is nothing once its code is compiled; it
 * allocates nothing either way.
 *
 * <p>Thread-safe.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@SuppressWarnings("ThreadPriorityCheck") // An ordinary thread that waits spins politely.
public final class SchedulePoint {
  /** Stands for a process in which nobody ever explored. */
  private static final MethodHandle ORDINARY = MethodHandles.constant(boolean.class, false);

  /**
   * Whether this process ever explored: {@link #ORDINARY} if not. The compiler takes a call site's
   * target for a constant, and compiles anew what looked at it when it changes. A look at a field
   * instead, at each point of a fault, took up to 6 % of it.
   */
  private static final MutableCallSite EXPLORED = new MutableCallSite(ORDINARY);

  /** An ordinary thread that spun that often does not wait for somebody who will come. */
  private static final long FOREVER = 1L << 31;

  private SchedulePoint() {}

  /** From now on there may be actors. */
  static void explore() {
    if (!explored()) {
      EXPLORED.setTarget(MethodHandles.constant(boolean.class, true));
      MutableCallSite.syncAll(new MutableCallSite[] {EXPLORED});
    }
  }

  /** Tells whether there may be actors; whoever is none may see it late. */
  static boolean explored() {
    return EXPLORED.getTarget() != ORDINARY;
  }

  /**
   * Announces a step.
   *
   * @param where what is touched; identity only
   * @param index which part of it
   */
  public static void reach(PointKind kind, Object where, long index, Mode mode) {
    if (explored()) {
      announce(kind, where, index, mode);
    }
  }

  /** Announces a step that changes something which has one part only. */
  public static void reach(PointKind kind, Object where) {
    reach(kind, where, 0, Mode.WRITE);
  }

  /** Announces a step that looks at a part. */
  public static void read(PointKind kind, Object where, long index) {
    reach(kind, where, index, Mode.READ);
  }

  /** Announces a step that changes a part. */
  public static void write(PointKind kind, Object where, long index) {
    reach(kind, where, index, Mode.WRITE);
  }

  private static void announce(PointKind kind, Object where, long index, Mode mode) {
    Actor a = Actor.current();
    if (a != null) {
      a.reached(kind, where, index, mode);
    }
  }

  /**
   * Asks what happens where the model leaves something open; 0, the ordinary, without an explorer.
   *
   * @param ways how many answers there are
   */
  public static int choose(Choice choice, Object where, int ways) {
    Actor a = Actor.current();
    return a == null ? 0 : a.choose(choice, where, ways);
  }

  /**
   * Says that what the actor did is void and it begins again. An ordinary thread that does so often
   * lets others on its processor go first.
   *
   * @param tries how often it did so before
   */
  public static void retry(Object where, long index, long tries) {
    reach(PointKind.RETRY, where, index, Mode.READ);
    if ((tries & 255) == 255) {
      Thread.yield();
    }
  }

  /**
   * Waits for another to change a place, then returns for another look. An ordinary thread spins;
   * one that spins for minutes finds that nobody can go on.
   *
   * @param spins what the last call for this wait returned, 0 at first
   * @return what to give to the next call
   * @throws IllegalStateException if that was too often
   */
  public static long await(Object where, long index, long spins) {
    Actor a = Actor.current();
    if (a != null) {
      a.reached(PointKind.WAIT, where, index, Mode.READ);
      return 0;
    }
    if (spins > FOREVER) {
      throw new IllegalStateException(
          "nobody can go on: "
              + Thread.currentThread().getName()
              + " waits for "
              + Location.name(where, index)
              + " in vain");
    }
    if ((spins & 1023) == 1023) {
      Thread.yield();
    } else {
      Thread.onSpinWait();
    }
    return spins + 1;
  }
}
