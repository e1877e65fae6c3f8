package dev.cocovisor.tck;

import dev.cocovisor.tck.subject.Subject;
import dev.cocovisor.snp.kvm.SevBackend;

/** SEV-SNP keeps every rule. */
class SnpTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new SevBackend());
  }
}
