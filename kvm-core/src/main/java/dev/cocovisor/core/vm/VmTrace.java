package dev.cocovisor.core.vm;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;

/** Puts a VM's events into words, if anybody listens. */
final class VmTrace {
  private final TraceSink sink;

  VmTrace(TraceSink sink) {
    this.sink = sink;
  }

  TraceSink sink() {
    return sink;
  }

  void core(String name, long gfnStart, long gfnEnd) {
    if (sink.enabled()) {
      String range = "gfn=0x" + Long.toHexString(gfnStart) + "..0x" + Long.toHexString(gfnEnd);
      sink.emit(new TraceEvent(TraceEvent.Kind.CORE, name, range, ""));
    }
  }
}
