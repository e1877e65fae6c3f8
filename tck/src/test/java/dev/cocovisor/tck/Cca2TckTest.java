package dev.cocovisor.tck;

import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.Map;

/** CCA keeps every rule under an RMM of 2.0 too. */
class Cca2TckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(
        new WithSettings(new CcaBackend(), Map.of("cca.rmm", "2.0")),
        CcaBackend.class.getClassLoader());
  }
}
