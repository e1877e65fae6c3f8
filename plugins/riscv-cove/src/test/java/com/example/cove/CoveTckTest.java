package com.example.cove;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.tck.BackendTck;
import dev.cocovisor.tck.subject.Subject;

/** Judges CoVE by every rule of the compatibility kit. */
class CoveTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new CoveBackend());
  }
}
