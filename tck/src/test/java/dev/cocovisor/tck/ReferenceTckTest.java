package dev.cocovisor.tck;

import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.Subject;
import java.util.Set;

/** The honest backend keeps every rule. */
class ReferenceTckTest extends BackendTck {
  static final Set<Behaviour> BEHAVIOURS = Behaviour.usual();

  @Override
  public Subject subject() {
    return new Subject(new ReferenceBackend(), new ReferenceDriver(), BEHAVIOURS);
  }
}
