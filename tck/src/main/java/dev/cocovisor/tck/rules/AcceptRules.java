package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.vmm.Outcome;

/**
 * A: how a guest takes private memory into use. Where nothing is accepted, memory is just there.
 */
public interface AcceptRules extends Kit {
  private static boolean accepts(TestedGuest guest, long at) {
    return !guest.acceptActions(at, Bench.PAGE).isEmpty();
  }

  /** Accepting twice loses nothing. */
  @Rule(
      id = "A01",
      source =
          "TDX module base specification, TDG.MEM.PAGE.ACCEPT: PAGE_ALREADY_ACCEPTED; APM volume 3,"
              + " PVALIDATE: carry, nothing changed; DEN0137, RSI_IPA_STATE_SET of RAM")
  default void required_A01_acceptingMemoryInUseKeepsItsContents() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 2 * Bench.PAGE).write(0, 0x61, false);
      guest.write(Bench.PAGE, 0x62, false);
      for (GuestAction again : guest.acceptActions(0, 2 * Bench.PAGE)) {
        Outcome.Told run = guest.act(again);
        claim(run.run().errno().ok(), "accepting again ended with " + run);
      }
      same(0x61, guest.read(0, false), "the first page");
      same(0x62, guest.read(Bench.PAGE, false), "the second page");
    });
  }

  /** Nothing is used unasked. */
  @Rule(
      id = "A02",
      source =
          "TDX module base specification, TDG.MEM.PAGE.ACCEPT: #VE or the end of the TD; APM volume"
              + " 2, 15.36: #VC, page not validated; none elsewhere")
  default void required_A02_memoryThatWasNotAcceptedIsNotSilentlyUsed() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      boolean accepts = accepts(guest, Bench.PAGE);
      guest.mayDie(); // a TD without #VE on pending pages ends here
      Outcome.Told run = guest.tryRead(Bench.PAGE, false);
      same(!accepts, run.done(), "the read of the next page completed (" + run + ")");
      if (!accepts) {
        same(0L, run.value(), "the fresh page");
      }
    });
  }

  /** There is nothing to accept outside memory. */
  @Rule(id = "A03", source = "mmu.c, kvm_mmu_faultin_pfn: no slot is KVM_EXIT_MEMORY_FAULT")
  default void required_A03_acceptingOutsideMemoryDoesNotComplete() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      if (accepts(guest, 0)) {
        boolean all = true;
        guest.mayDie();
        for (GuestAction action : guest.acceptActions(TestedGuest.NOWHERE, Bench.PAGE)) {
          all &= guest.act(action).done();
        }
        claim(!all, "memory that is not there was accepted");
      } else {
        claim(
            !guest.tryWrite(TestedGuest.NOWHERE, 1, false).done(),
            "memory that is not there was written");
      }
    });
  }

  /** Large pieces are whole. */
  @Rule(
      id = "A04",
      source =
          "TDX module base specification, TDG.MEM.PAGE.ACCEPT at 4 KiB or 2 MiB; APM volume 3,"
              + " PVALIDATE: page size")
  default void required_A04_anAcceptedRangeIsUsableToItsLastByte() {
    onHugeBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      PageLevel level = subject().has(Behaviour.HUGE_PRIVATE) ? PageLevel.PG_2M : PageLevel.PG_4K;
      guest.accept(Bench.HUGE, Bench.HUGE, level);
      for (long at : new long[] {Bench.HUGE, Bench.HUGE + 4095, 2 * Bench.HUGE - 1}) {
        same(0, guest.read(at, false), "fresh memory at " + Long.toHexString(at));
        guest.write(at, 0x63, false);
        same(0x63, guest.read(at, false), "memory at " + Long.toHexString(at));
      }
    });
  }
}
