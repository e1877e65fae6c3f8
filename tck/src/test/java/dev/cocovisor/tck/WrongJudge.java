package dev.cocovisor.tck;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.tck.reference.InPlaceBackend;
import dev.cocovisor.tck.reference.InPlaceDriver;
import dev.cocovisor.tck.reference.ReferenceBackend;
import dev.cocovisor.tck.reference.ReferenceDriver;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;
import java.util.function.UnaryOperator;

/** The zoo's part that is right and tells its guests wrong: VMMs that misread what was answered. */
enum WrongJudge implements Mutant {
  ALL_IS_DONE("G01,G02,G03,A03,M04", true, a -> new GuestAnswer.Done(0)),
  A_STATUS_IS_NOT_LOOKED_AT(
      "G01", true, a -> a instanceof GuestAnswer.Refused ? new GuestAnswer.Done(0) : a),
  A_REFUSAL_HAS_NO_STATUS(
      "G01",
      true,
      a -> a instanceof GuestAnswer.Refused ? new GuestAnswer.Refused(0, "nothing") : a),
  A_FAULT_IS_DONE(
      "G03,M04",
      true,
      a ->
          a instanceof GuestAnswer.Stopped || a instanceof GuestAnswer.AsksHost
              ? new GuestAnswer.Done(0)
              : a),
  A_FAULT_IS_A_STATUS(
      "G03",
      true,
      a ->
          a instanceof GuestAnswer.Stopped || a instanceof GuestAnswer.AsksHost
              ? new GuestAnswer.Refused(1, "something")
              : a),
  A_NEGATIVE_RESULT_IS_DONE(
      "G01", false, a -> a instanceof GuestAnswer.Refused ? new GuestAnswer.Done(0) : a);

  private final String rules;
  private final boolean reference;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final UnaryOperator<GuestAnswer> misread;

  WrongJudge(String rules, boolean reference, UnaryOperator<GuestAnswer> misread) {
    this.rules = rules;
    this.reference = reference;
    this.misread = misread;
  }

  @Override
  public List<String> rules() {
    return List.of(rules.split(","));
  }

  @Override
  public JudgedBackend subject() {
    return reference
        ? new JudgedBackend(new ReferenceBackend(), reference(), ReferenceTckTest.BEHAVIOURS)
        : new JudgedBackend(new InPlaceBackend(), inPlace(), InPlaceTckTest.BEHAVIOURS);
  }

  @Override
  public JudgedBackend honest() {
    return reference ? new ReferenceTckTest().subject() : new InPlaceTckTest().subject();
  }

  private VmmDriver reference() {
    return new ReferenceDriver() {
      @Override
      public GuestAnswer judge(GuestAction action, RunResult result) {
        return misread.apply(super.judge(action, result));
      }
    };
  }

  private VmmDriver inPlace() {
    return new InPlaceDriver() {
      @Override
      public GuestAnswer judge(GuestAction action, RunResult result) {
        return misread.apply(super.judge(action, result));
      }
    };
  }
}
