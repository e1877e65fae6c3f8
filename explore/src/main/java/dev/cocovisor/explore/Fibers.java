package dev.cocovisor.explore;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.concurrent.Executor;

/**
 * Virtual threads whose scheduler is ours: a thread that parks comes back to whoever ran its task,
 * and one that is unparked is a task to run when we like. So parts take turns on one carrier, in an
 * order that is ours alone and costs a fraction of a switch between platform threads.
 *
 * <p>The JDK keeps the choice of a scheduler to itself; it is taken by reflection, which needs
 * {@code --add-opens java.base/java.lang=ALL-UNNAMED}.
 */
final class Fibers {
  private static final Constructor<?> BUILDER = builder();

  private Fibers() {}

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

  /** Returns a thread, not started, whose tasks go to {@code scheduler}. */
  static Thread unstarted(Executor scheduler, Runnable body) {
    try {
      return ((Thread.Builder) BUILDER.newInstance(scheduler)).unstarted(body);
    } catch (InstantiationException | IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("no virtual thread", e);
    }
  }
}
