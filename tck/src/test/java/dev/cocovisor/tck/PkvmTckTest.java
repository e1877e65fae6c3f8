package dev.cocovisor.tck;

import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.tck.subject.JudgedBackend;

/** pKVM keeps every rule. */
class PkvmTckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new PkvmBackend());
  }
}
