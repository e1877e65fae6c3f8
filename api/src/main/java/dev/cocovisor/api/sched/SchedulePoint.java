package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * The place where an explorer may let another vCPU or host thread go first.
 *
 * <p>Every lock operation, SPTE compare-and-swap, sequence read and call into a trusted half comes
 * through here. In ordinary runs no observer is bound and a point is one static read and a branch.
 *
 * <p>Thread-safe. An observer is process-wide because explored runs own their process's model
 * threads; it must not be installed while ordinary runs go on in other threads.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class SchedulePoint {
  /**
   * Decides what runs next; called on the thread or continuation that reached the point.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  @FunctionalInterface
  public interface Observer {
    /**
     * Called before the step named by {@code kind} on {@code subject} is made.
     *
     * @param subject the lock, table or trusted half concerned; identity only, never changed
     */
    void reached(PointKind kind, Object subject);
  }

  private static volatile @org.jspecify.annotations.Nullable Observer observer;

  private SchedulePoint() {}

  /** Announces a point. Costs one volatile read where no observer is installed. */
  public static void reach(PointKind kind, Object subject) {
    Observer o = observer;
    if (o != null) {
      o.reached(kind, subject);
    }
  }

  /**
   * Waits politely for a lock that another holds: the observer switches to somebody else; without
   * one the processor is told that this is a spin.
   */
  static void busy(Object subject) {
    Observer o = observer;
    if (o != null) {
      o.reached(PointKind.LOCK_BUSY, subject);
    } else {
      Thread.onSpinWait();
    }
  }

  /** Installs an observer until the returned handle is closed. Only one at a time. */
  public static Installed install(Observer o) {
    if (observer != null) {
      throw new IllegalStateException("an observer is installed already");
    }
    observer = o;
    return () -> observer = null;
  }

  /**
   * Ends an installation.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  @FunctionalInterface
  public interface Installed extends AutoCloseable {
    @Override
    void close();
  }
}
