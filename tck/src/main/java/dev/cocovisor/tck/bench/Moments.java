package dev.cocovisor.tck.bench;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Observer;
import dev.cocovisor.api.sched.PointKind;
import org.jspecify.annotations.Nullable;

/**
 * Lets one actor's whole step happen inside another's, at a moment of its choice: the first stops
 * at its nth schedule point, the second goes from beginning to end, and the first goes on. All of
 * it runs on one thread, so that a moment is the same one whenever it is tried.
 */
public final class Moments implements Observer {
  /** One that begins again so often waits for the other. */
  private static final int PATIENCE = 100;

  private final int moment;
  private final Runnable second;
  private final Actor first = new Actor("the first", 0, this);
  private final Actor other = new Actor("the second", 1, this);
  private int reached;
  private int retries;
  private boolean inside;
  private boolean waits;

  private Moments(int moment, Runnable second) {
    this.moment = moment;
    this.second = second;
  }

  /** How a moment went. */
  public enum Went {
    /** The second went in it. */
    INSIDE,
    /** The second had to wait for the first there, so that this moment does not exist. */
    WAITS,
    /** The first had ended before. */
    OVER
  }

  /** The second cannot go on before the first does. */
  private static final class Waits extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Waits() {
      super("the second waits for the first", null, false, false);
    }
  }

  /**
   * Tries a moment.
   *
   * @param moment from 1
   * @param first what is interrupted
   * @param second what happens in between
   */
  public static Went at(int moment, Runnable first, Runnable second) {
    Moments m = new Moments(moment, second);
    try {
      m.first.run(first);
    } catch (RuntimeException | Error e) {
      m.other.free();
      m.first.free();
      if (!m.waits) {
        throw e;
      }
    }
    if (m.waits) {
      // The kernel may have taken it for a failure of the hook it happened in.
      return Went.WAITS;
    }
    return m.inside ? Went.INSIDE : Went.OVER;
  }

  @Override
  public void reached(Actor actor, PointKind kind, @Nullable Object where, long index, Mode mode) {
    if (actor == other) {
      if (kind == PointKind.WAIT || (kind == PointKind.RETRY && ++retries > PATIENCE)) {
        waits = true;
        throw new Waits();
      }
      return;
    }
    if (kind == PointKind.WAIT && inside) {
      throw new AssertionError("the first waits for a second that has ended");
    }
    if (++reached == moment) {
      inside = true;
      other.run(second);
    }
  }
}
