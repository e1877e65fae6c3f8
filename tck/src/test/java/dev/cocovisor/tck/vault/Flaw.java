package dev.cocovisor.tck.vault;

import dev.cocovisor.tck.Mutant;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** A way in which the vault's trusted half is wrong, with the rule that has to notice. */
public enum Flaw implements Mutant {
  NO_OWNER_CHECK("O01"),
  GUARD_LETS_OTHER_GUESTS_IN("O05"),
  SHARE_OPENS_PAGES_OF_OTHERS("O08"),
  DESTROYS_PAGES_OF_OTHERS("O04"),
  MAPS_ONE_FRAME_AT_TWO_ADDRESSES("O02"),
  UNPACKS_OVER_AN_OWNED_FRAME("P06"),
  DOES_NOT_ZERO("M12"),
  UNSHARING_LEAVES_IT_OPEN("C07"),
  DOES_NOT_CLEAR_AT_DESTROY("S10"),
  UNPACKS_LATE("P05"),
  VERIFIES_TWICE("L12"),
  RUNS_EARLY("P07"),
  DOES_NOT_UNPIN("L03"),
  SHARES_THE_WRONG_WAY_ROUND("C01"),
  KERNEL_READS("S01"),
  DEVICE_READS("S11"),
  KEEPS_PAGES_AT_TEARDOWN("L06");

  private static final Set<Behaviour> BEHAVIOURS =
      EnumSet.of(
          Behaviour.POPULATE,
          Behaviour.FINALIZE_ENDS_POPULATE,
          Behaviour.CONVERT,
          Behaviour.KEEPS_CONTENTS_ON_CONVERSION);

  private final String rule;

  Flaw(String rule) {
    this.rule = rule;
  }

  @Override
  public List<String> rules() {
    return List.of(rule);
  }

  @Override
  public JudgedBackend subject() {
    return new JudgedBackend(new VaultBackend(this), BEHAVIOURS);
  }

  @Override
  public JudgedBackend honest() {
    return new JudgedBackend(new VaultBackend(), BEHAVIOURS);
  }
}
