package dev.cocovisor.tck;

import dev.cocovisor.tck.reference.InPlaceBackend;
import dev.cocovisor.tck.reference.InPlaceDriver;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.EnumSet;
import java.util.Set;

/** The honest backend that converts in place keeps every rule. */
class InPlaceTckTest extends BackendTck {
  static final Set<Behaviour> BEHAVIOURS =
      EnumSet.of(
          Behaviour.POPULATE,
          Behaviour.POPULATE_UNMEASURED,
          Behaviour.RUN_BEFORE_FINALIZE,
          Behaviour.CONVERT,
          Behaviour.KEEPS_CONTENTS_ON_CONVERSION,
          Behaviour.DEVICES_REACH_PRIVATE_FRAMES);

  static final Set<Claim> CLAIMS = EnumSet.complementOf(EnumSet.of(Claim.DEVICES_KEPT_OUT));

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(new InPlaceBackend(), new InPlaceDriver(), BEHAVIOURS)
        .withClaims(CLAIMS);
  }
}
