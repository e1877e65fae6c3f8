package dev.cocovisor.api.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.apiguardian.api.API;

/**
 * References to something that goes with the last one (refcount_t): a VM, a file.
 *
 * <p>Thread-safe; allocates nothing.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class RefCount implements Place {
  private static final VarHandle COUNT;

  static {
    try {
      COUNT = MethodHandles.lookup().findVarHandle(RefCount.class, "count", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String name;
  private volatile int count;

  /**
   * Starts to count.
   *
   * @param name the kernel's name of what is counted
   * @param first the references there are
   */
  public RefCount(String name, int first) {
    this.name = name;
    this.count = first;
  }

  /** Adds a reference to something that may not have had one yet. */
  public void begin() {
    SchedulePoint.write(PointKind.REFERENCE, this, 0);
    var _ = (int) COUNT.getAndAdd(this, 1);
  }

  /**
   * Adds a reference (refcount_inc).
   *
   * @throws IllegalStateException if there is none any more
   */
  public void get() {
    if (!getUnlessZero()) {
      throw new IllegalStateException(name + ": used after its last reference went");
    }
  }

  /** Adds a reference unless the last one went (refcount_inc_not_zero). */
  public boolean getUnlessZero() {
    SchedulePoint.write(PointKind.REFERENCE, this, 0);
    while (true) {
      int n = count;
      if (n == 0) {
        return false;
      }
      if (COUNT.compareAndSet(this, n, n + 1)) {
        return true;
      }
    }
  }

  /**
   * Gives a reference up; tells whether it was the last (refcount_dec_and_test).
   *
   * @throws IllegalStateException if there was none
   */
  public boolean put() {
    SchedulePoint.write(PointKind.REFERENCE, this, 0);
    int before = (int) COUNT.getAndAdd(this, -1);
    if (before <= 0) {
      throw new IllegalStateException(name + ": more references given up than taken");
    }
    return before == 1;
  }

  /** Returns how many there are; at once out of date where others act. */
  public int count() {
    return count;
  }

  @Override
  public String placeName(long index) {
    return name;
  }

  @Override
  public String toString() {
    return name;
  }
}
