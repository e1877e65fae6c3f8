package dev.cocovisor.tck;

import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.tck.subject.Subject;

/** pKVM keeps every rule. */
class PkvmTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new PkvmBackend());
  }
}
