package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.MismatchSink;

/** Counts and reports what differs. */
final class Differences {
  private final String log;
  private final MismatchSink sink;
  private final int max;
  private long count;

  Differences(String log, MismatchSink sink, int max) {
    this.log = log;
    this.sink = sink;
    this.max = max;
  }

  void mismatch(int line, int program, String call, String expected, String got) {
    if (full()) {
      return;
    }
    count++;
    sink.mismatch(
        Mismatch.in(log, line).withProgram(program).withCall(call).withAnswers(expected, got));
  }

  long count() {
    return count;
  }

  boolean full() {
    return max > 0 && count >= max;
  }
}
