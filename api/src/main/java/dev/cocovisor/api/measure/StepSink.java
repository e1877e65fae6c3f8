package dev.cocovisor.api.measure;

import org.apiguardian.api.API;

/**
 * Told of every step of a measurement, in order.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@FunctionalInterface
public interface StepSink {
  /** Wants no steps. */
  StepSink NONE =
      new StepSink() {
        @Override
        public void step(MeasureStep step) {}

        @Override
        public boolean wanted() {
          return false;
        }
      };

  /** One page or block entered the measurement. */
  void step(MeasureStep step);

  /**
   * A vCPU's save area entered the measurement; told whether steps are wanted or not.
   *
   * @param vcpu the vCPU's number, from 0
   * @param page its contents; not to be changed
   */
  default void saveArea(int vcpu, byte[] page) {}

  /**
   * Tells whether steps are wanted at all. A measurer that is told no saves the work of making
   * them: texts, copies of the running hash, hashes of contents that the measurement itself takes
   * in as a stream.
   */
  default boolean wanted() {
    return true;
  }
}
