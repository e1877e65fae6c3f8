package dev.cocovisor.tck;

import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import java.util.EnumSet;
import java.util.Set;

/** The honest backend keeps every rule. */
class ReferenceTckTest extends BackendTck {
  static final Set<Behaviour> BEHAVIOURS =
      EnumSet.complementOf(
          EnumSet.of(
              Behaviour.PRE_FAULT_BEFORE_FINALIZE,
              Behaviour.RUN_BEFORE_FINALIZE,
              Behaviour.KEEPS_CONTENTS_ON_CONVERSION,
              Behaviour.REGISTER_REGION));

  @Override
  public Subject subject() {
    return new Subject(new ReferenceBackend(), new ReferenceDriver(), BEHAVIOURS);
  }
}
