package dev.cocovisor.api.trace;

import dev.cocovisor.api.Errno;
import java.util.function.Supplier;
import org.apiguardian.api.API;

/**
 * Where events go. Callers ask {@link #enabled} before they build an event, so that a run without a
 * trace allocates nothing.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface TraceSink {
  /** Takes nothing. */
  TraceSink OFF =
      new TraceSink() {
        @Override
        public boolean enabled() {
          return false;
        }

        @Override
        public void emit(TraceEvent event) {}
      };

  /** Tells whether events are wanted. */
  boolean enabled();

  /** Takes an event. */
  void emit(TraceEvent event);

  /**
   * Tells why something was refused, and returns the error, so that a check reads {@code return
   * trace.refuse(Errno.EEXIST, "the slot overlaps slot 3")}. A text that has to be built is built
   * under {@link #enabled}, or by {@link #refuse(Errno, java.util.function.Supplier)}.
   */
  default Errno refuse(Errno error, String why) {
    if (enabled()) {
      emit(new TraceEvent(TraceEvent.Kind.REFUSAL, error.name(), "", why));
    }
    return error;
  }

  /** As {@link #refuse(Errno, String)}; the text is built only where somebody listens. */
  default Errno refuse(Errno error, Supplier<String> why) {
    if (enabled()) {
      emit(new TraceEvent(TraceEvent.Kind.REFUSAL, error.name(), "", why.get()));
    }
    return error;
  }

  /** Tells why a trusted half refused, by the status's own name. */
  default void refused(String status, Supplier<String> why) {
    if (enabled()) {
      emit(new TraceEvent(TraceEvent.Kind.REFUSAL, status, "", why.get()));
    }
  }

  /** A call begins: what is emitted until the matching {@link #end} happens inside it. */
  default void begin() {}

  /** The call that began last has ended; {@code event} says what it was and what it answered. */
  default void end(TraceEvent event) {
    emit(event);
  }
}
