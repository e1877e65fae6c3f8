package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.Subject;
import dev.cocovisor.pkvm.kvm.PkvmBackend;

/** pKVM keeps every rule. */
class PkvmTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new PkvmBackend());
  }
}
