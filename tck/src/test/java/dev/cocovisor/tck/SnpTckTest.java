package dev.cocovisor.tck;

import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tck.subject.JudgedBackend;

/** SEV-SNP keeps every rule. */
class SnpTckTest extends BackendTck {
  @Override
  public JudgedBackend subject() {
    return JudgedBackend.of(new SevBackend());
  }
}
