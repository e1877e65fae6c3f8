package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.Subject;
import dev.cocovisor.cca.kvm.CcaBackend;

/** CCA keeps every rule. */
class CcaTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new CcaBackend());
  }
}
