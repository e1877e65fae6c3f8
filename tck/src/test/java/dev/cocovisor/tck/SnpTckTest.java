package dev.cocovisor.tck;

import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tck.subject.Subject;

/** SEV-SNP keeps every rule. */
class SnpTckTest extends BackendTck {
  @Override
  public Subject subject() {
    return Subject.of(new SevBackend());
  }
}
