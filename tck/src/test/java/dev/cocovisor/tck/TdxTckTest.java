package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;

/** TDX keeps every rule. */
class TdxTckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new TdxBackend());
  }
}
