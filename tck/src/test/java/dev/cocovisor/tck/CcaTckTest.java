package dev.cocovisor.tck;

import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.tck.subject.Subject;

/** CCA keeps every rule. */
class CcaTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new CcaBackend());
  }
}
