package dev.cocovisor.tck;

import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.Set;

/** The honest backend keeps every rule. */
class ReferenceTckTest extends BackendTck {
  static final Set<Behaviour> BEHAVIOURS = Behaviour.usual();

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(new ReferenceBackend(), new ReferenceDriver(), BEHAVIOURS);
  }
}
