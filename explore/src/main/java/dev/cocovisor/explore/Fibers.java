package dev.cocovisor.explore;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Virtual threads whose scheduler is ours: a thread that parks comes back to whoever ran its task,
 * and one that is unparked is a task to run when we like. So parts take turns on one carrier, in an
 * order that is ours alone and costs a fraction of a switch between platform threads.
 *
 * <p>A fiber whose body has ended is given the next one: a thread and its stack would otherwise be
 * made for each part of each execution. One thread at a time uses an object of this class; {@link
 * #close} ends the fibers.
 *
 * <p>The JDK keeps the choice of a scheduler to itself; it is taken by reflection, which needs
 * {@code --add-opens java.base/java.lang=ALL-UNNAMED}.
 */
final class Fibers implements AutoCloseable {
  private static final Constructor<?> BUILDER = builder();

  private final ArrayDeque<Runnable> ready = new ArrayDeque<>();
  private final ArrayDeque<Fiber> idle = new ArrayDeque<>();
  private boolean closed;

  /** One of them: it stands still unless it is let run. */
  final class Fiber {
    private final Thread thread = unstarted(ready::add, this::live);
    private @Nullable Runnable body;

    private Fiber() {}

    private void live() {
      while (!closed) {
        Runnable b = body;
        if (b == null) {
          LockSupport.park();
          continue;
        }
        b.run();
        body = null;
        idle.push(this);
      }
    }

    /** Lets it run until it stands or ends; on the calling thread. */
    void go() {
      if (thread.getState() == Thread.State.NEW) {
        thread.start();
      } else {
        LockSupport.unpark(thread);
      }
      for (Runnable task = ready.poll(); task != null; task = ready.poll()) {
        task.run();
      }
    }
  }

  /** Returns a fiber that has not begun with its body. */
  Fiber of(Runnable body) {
    Fiber f = idle.isEmpty() ? new Fiber() : idle.pop();
    f.body = body;
    return f;
  }

  /** Lets the calling fiber stand until {@link Fiber#go}; it may return earlier. */
  static void stand() {
    LockSupport.park();
  }

  /** Ends those whose body has ended. */
  @Override
  public void close() {
    closed = true;
    while (!idle.isEmpty()) {
      idle.pop().go();
    }
  }

  private static Constructor<?> builder() {
    try {
      Constructor<?> c =
          Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
              .getDeclaredConstructor(Executor.class);
      c.setAccessible(true);
      return c;
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new IllegalStateException(
          "exploration needs virtual threads on a scheduler of its own: start the JVM with"
              + " --add-opens java.base/java.lang=ALL-UNNAMED",
          e);
    }
  }

  private static Thread unstarted(Executor scheduler, Runnable body) {
    try {
      return ((Thread.Builder) BUILDER.newInstance(scheduler)).unstarted(body);
    } catch (InstantiationException | IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("no virtual thread", e);
    }
  }
}
