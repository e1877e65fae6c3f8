package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.Moments;
import dev.cocovisor.tck.bench.Moments.Went;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.vmm.Outcome;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Y: two steps at once, at every moment. A vCPU's fault stops at each of its schedule points in
 * turn, another step goes from beginning to end there, and the fault goes on: the same moments
 * every time, no luck and no clock.
 */
public interface MomentRules extends Kit {
  /** More moments than any fault has. */
  int MOST = 5_000;

  /** What happens beside a fault, and what must hold afterwards. */
  interface Beside {
    /** Tells whether the guest may find another page where it accepted one, and die of it. */
    default boolean replaces() {
      return false;
    }

    /** Goes from beginning to end in the middle of the fault. */
    void happens(TestedGuest guest);

    /** Claims what must hold. */
    void holds(Bench bench, TestedGuest guest, Outcome fault);
  }

  /**
   * Tries every moment of a write by the second vCPU to the third page.
   *
   * @return how many moments there were
   */
  private int everyMoment(Beside beside) {
    int tried = 0;
    for (int moment = 1; moment < MOST; moment++) {
      if (went(moment, beside) == Went.OVER) {
        claim(tried > 0, "there is no moment in a fault");
        return tried;
      }
      tried++;
    }
    throw new AssertionError("a fault has more than " + MOST + " moments");
  }

  private Went went(int moment, Beside beside) {
    Went[] went = {Went.WAITS};
    try {
      onBench(bench -> {
        TestedGuest guest = bench.create().configure(2).plug(MEMORY).ready().finish();
        guest.accept(0, 2 * Bench.PAGE).write(0, 0x51, false);
        guest.write(Bench.PAGE, 0x52, false);
        if (beside.replaces()) {
          guest.mayDie(); // of a page that was accepted and is another now
        }
        List<Outcome> told = new ArrayList<>();
        went[0] = Moments.at(moment, () -> told.add(takes(guest)), () -> beside.happens(guest));
        if (went[0] == Went.WAITS) {
          bench.abandon(); // its actors stand in the middle of what they do
          throw new Skipped();
        }
        if (went[0] == Went.OVER) {
          return;
        }
        try {
          bench.check();
          beside.holds(bench, guest, told.getFirst());
          if (!guest.context().isDead()) {
            same(0x51, guest.read(0, false), "the first page");
            same(0x52, guest.read(Bench.PAGE, false), "the second page");
          }
        } catch (AssertionError e) {
          throw new AssertionError("at moment " + moment + " of the fault: " + e.getMessage(), e);
        }
      });
    } catch (Skipped e) {
      return Went.WAITS;
    }
    return went[0];
  }

  /**
   * The second vCPU takes the third page into use: it accepts it, where that is done, and writes.
   */
  private static Outcome takes(TestedGuest guest) {
    Outcome accepted = guest.steps().accept(1, 2 * Bench.PAGE, Bench.PAGE, PageLevel.PG_4K);
    return accepted.done() ? guest.tryWrite(1, 2 * Bench.PAGE, 0x53, false) : accepted;
  }

  /** A moment that does not exist: its host was left in the middle. */
  final class Skipped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Skipped() {
      super(null, null, false, false);
    }
  }

  /** The page that is being faulted in is converted. */
  @Rule(id = "Y01", source = "mmu.c, is_page_fault_stale: mmu_invalidate_retry_gfn")
  default void required_Y01_aFaultBesideTheConversionOfItsPageLeavesNoMapping() {
    if (!subject().has(Behaviour.CONVERT)) {
      onBench(bench ->
          notOffered(
              Behaviour.CONVERT,
              bench.launch(MEMORY).convert(0, Bench.PAGE, false),
              "a conversion"));
      return;
    }
    boolean inPlace = subject().has(Behaviour.KEEPS_CONTENTS_ON_CONVERSION);
    int moments =
        everyMoment(
            new Beside() {
              private @Nullable Outcome made;

              @Override
              public void happens(TestedGuest guest) {
                made =
                    inPlace
                        ? guest.convert(2 * Bench.PAGE, Bench.PAGE, false)
                        : new Outcome.Answered(
                            guest.steps().hostConvert(2 * Bench.PAGE, Bench.PAGE, false));
              }

              @Override
              public void holds(Bench bench, TestedGuest guest, Outcome fault) {
                Outcome conversion = made;
                claim(
                    conversion != null && conversion.done(), "the conversion", "done", conversion);
                List<long[]> left = guest.mapped(2 * Bench.PAGE, Bench.PAGE);
                if (inPlace) {
                  same(1, left.size(), "mappings of a page that is shared in place");
                } else if (!left.isEmpty()) {
                  // Where attributes alone tell what an access is, the fault brought the shared
                  // page.
                  same(
                      0x53L,
                      bench.process().hostRead(guest.host(2 * Bench.PAGE)),
                      "what the host reads");
                }
              }
            });
    claim(moments > 3, "moments of a fault", "more than 3", moments);
  }

  /** The page that is being faulted in goes away. */
  @Rule(id = "Y02", source = "guest_memfd.c, kvm_gmem_invalidate_start and _end around the hole")
  default void required_Y02_aFaultBesideAHoleInItsPageFindsFreshMemoryOrNone() {
    if (!subject().has(Behaviour.PUNCH)) {
      onBench(bench ->
          notOffered(Behaviour.PUNCH, bench.launch(MEMORY).punch(0, Bench.PAGE), "a hole"));
      return;
    }
    var _ =
        everyMoment(
            new Beside() {
              private long ret;

              @Override
              public boolean replaces() {
                return true;
              }

              @Override
              public void happens(TestedGuest guest) {
                ret = guest.punch(2 * Bench.PAGE, Bench.PAGE);
              }

              @Override
              public void holds(Bench bench, TestedGuest guest, Outcome fault) {
                var _ = succeeds(ret, "the hole");
                claim(
                    !fault.done() || !guest.context().isDead(),
                    "the VM died beside a fault it did");
                // What is mapped is what the file holds: nobody maps a frame that was freed.
                for (long[] m : guest.mapped(2 * Bench.PAGE, Bench.PAGE)) {
                  same(
                      guest.context().gmemPfn(m[0], false),
                      m[1],
                      "the frame mapped behind the hole");
                }
              }
            });
  }

  /** Two vCPUs fault one page in. */
  @Rule(id = "Y03", source = "tdp_mmu.c: a lost race is RET_PF_SPURIOUS or a retry, never an error")
  default void required_Y03_twoFaultsOfOnePageGiveItOneFrame() {
    var _ =
        everyMoment(
            new Beside() {
              private Outcome.@Nullable Told beside;

              @Override
              public void happens(TestedGuest guest) {
                // Where memory is accepted, one of the two finds it accepted already.
                var _ = guest.tryAccept(2 * Bench.PAGE, Bench.PAGE, PageLevel.PG_4K);
                beside = guest.tryWrite(0, 2 * Bench.PAGE + 1, 0x54, false);
              }

              @Override
              public void holds(Bench bench, TestedGuest guest, Outcome fault) {
                if (!guest.accepts()) {
                  succeeds(fault, "the fault that was interrupted");
                } else if (!fault.done()) {
                  succeeds(guest.tryWrite(1, 2 * Bench.PAGE, 0x53, false), "a write afterwards");
                }
                Outcome.Told other = beside;
                claim(other != null && other.done(), "the fault beside it", "done", other);
                same(0x53, guest.read(2 * Bench.PAGE, false), "what the first wrote");
                same(0x54, guest.read(2 * Bench.PAGE + 1, false), "what the second wrote");
              }
            });
  }
}
