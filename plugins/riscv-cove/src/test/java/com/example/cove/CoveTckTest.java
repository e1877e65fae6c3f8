package com.example.cove;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.tck.BackendTck;
import dev.cocovisor.tck.subject.JudgedBackend;

/** Judges CoVE by every rule of the compatibility kit. */
class CoveTckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new CoveBackend());
  }
}
