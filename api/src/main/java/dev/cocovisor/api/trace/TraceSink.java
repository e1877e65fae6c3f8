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
}
