package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.refused;
import static dev.cocovisor.tck.bench.Claims.same;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.vmm.Outcome;

/**
 * G: what a guest is told. The technology's VMM is the only judge of it, so the judge is judged: a
 * call that was refused is not told as done.
 */
public interface AnswerRules extends Kit {
  /** Calls that cannot be are refused. */
  @Rule(
      id = "G01",
      source =
          "TDG.MEM.PAGE.ACCEPT: OPERAND_INVALID; PVALIDATE: FAIL_INPUT; RSI_IPA_STATE_SET:"
              + " RSI_ERROR_INPUT; pKVM hypercalls.rst: INVALID_PARAMETER; SBI: INVALID_ADDRESS")
  default void required_G01_aCallThatIsRefusedIsToldAsRefused() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x67, false);
      boolean calls =
          guest.accepts()
              || !subject()
                  .driver()
                  .askConversion(guest.machine(), guest.base(), Bench.PAGE, false)
                  .isEmpty();
      var all = subject().driver().refusedCalls(guest.machine());
      same(calls, !all.isEmpty(), "a guest with calls of its own has some that are refused");
      for (GuestAction call : all) {
        Outcome.Told told = guest.act(call);
        claim(!told.done(), call + " as it is told", "a refusal", told);
        claim(
            told.answer() instanceof GuestAnswer.Stopped
                || (told.answer() instanceof GuestAnswer.Refused r
                    && r.status() != 0
                    && !r.says().isBlank()),
            call + " is told as " + told + ", without a status or a fault");
      }
      bench.check();
      same(0x67, guest.read(0, false), "memory after refused calls");
    });
  }

  /** Nothing is made of nothing. */
  @Rule(
      id = "G02",
      source =
          "TDX module base specification, TDG.MEM.PAGE.ACCEPT and APM volume 3, PVALIDATE: fault"
              + " without a mapping; DEN0137, RSI_IPA_STATE_SET: changes a state and maps nothing")
  default void required_G02_memoryThatIsNotThereIsNotToldAsTakenIntoUse() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x68, false);
      guest.mayDie();
      Outcome made = guest.convert(TestedGuest.NOWHERE, Bench.PAGE, true);
      claim(!guest.accepts() || !made.done(), "accepting what is not there", "not done", made);
      refused(guest.tryWrite(TestedGuest.NOWHERE, 1, false), "writing what is not there");
    });
  }

  /** A fault is no answer. */
  @Rule(id = "G03", source = "api, GuestAnswer.Stopped: the guest took a fault")
  default void required_G03_aFaultOfTheGuestsIsNotToldAsDone() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x69, false);
      guest.mayDie();
      for (Outcome.Told told :
          new Outcome.Told[] {
            guest.tryRead(TestedGuest.NOWHERE, false),
            guest.tryWrite(TestedGuest.NOWHERE, 1, false),
            guest.steps().fetch(0, TestedGuest.NOWHERE, false)
          }) {
        claim(!told.done(), told.action() + " as it is told", "a fault", told);
        claim(
            !(told.answer() instanceof GuestAnswer.Refused),
            told.action() + " as it is told",
            "no status, as the call has none",
            told);
      }
    });
  }
}
