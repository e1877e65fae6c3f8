package com.example.cove.tsm;

import dev.cocovisor.api.trace.TraceSink;

/** Says why a call is refused: one status has several causes. */
final class Refusals {
  private final TraceSink trace;

  Refusals(TraceSink trace) {
    this.trace = trace;
  }

  SbiStatus param(String why) {
    return of(SbiStatus.INVALID_PARAM, why);
  }

  SbiStatus address(String why) {
    return of(SbiStatus.INVALID_ADDRESS, why);
  }

  SbiStatus failed(String why) {
    return of(SbiStatus.FAILED, why);
  }

  SbiStatus of(SbiStatus status, String why) {
    trace.refused(status.name(), () -> why);
    return status;
  }
}
