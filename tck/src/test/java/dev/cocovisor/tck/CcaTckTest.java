package dev.cocovisor.tck;

import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.tck.subject.JudgedBackend;

/** CCA keeps every rule. */
class CcaTckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new CcaBackend());
  }
}
