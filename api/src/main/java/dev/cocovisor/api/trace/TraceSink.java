package dev.cocovisor.api.trace;

/**
 * Where events go. Callers ask {@link #enabled} before they build an event, so that a run without a
 * trace allocates nothing.
 */
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

  /** A call begins: what is emitted until the matching {@link #end} happens inside it. */
  default void begin() {}

  /** The call that began last has ended; {@code event} says what it was and what it answered. */
  default void end(TraceEvent event) {
    emit(event);
  }
}
