package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.Subject;
import dev.cocovisor.tdx.kvm.TdxBackend;

/** TDX keeps every rule. */
class TdxTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new TdxBackend());
  }
}
