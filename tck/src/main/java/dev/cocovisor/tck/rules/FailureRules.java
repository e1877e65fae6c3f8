package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.ASKER_WAITS;
import static dev.cocovisor.tck.subject.Behaviour.CONVERT;
import static dev.cocovisor.tck.subject.Behaviour.POPULATE;
import static dev.cocovisor.tck.subject.Behaviour.PUNCH;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.vmm.Outcome;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * F: what happens when the host runs out of frames in the middle of a step. Each step is tried with
 * no frame left, one, two and so on until it succeeds: it works or it is refused, a refusal changes
 * nothing and keeps nothing, and with memory it works afterwards.
 */
public interface FailureRules extends Kit {
  /** More frames than any single step needs. */
  int ENOUGH = 24;

  /** Tries a step with more and more frames until it does what is asked. */
  private static void withEver(
      Bench bench, int enough, Supplier<Outcome> step, Runnable afterwards) {
    for (int frames = 0; ; frames++) {
      Outcome outcome;
      try (Bench.Shortage _ = bench.shortage(frames)) {
        outcome = step.get();
      }
      bench.check();
      afterwards.run();
      if (outcome.done()) {
        return;
      }
      claim(frames < enough, "the step on a host with " + frames + " free frames", "done", outcome);
    }
  }

  private static Supplier<Outcome> call(LongSupplier call) {
    return () -> new Outcome.Answered(call.getAsLong());
  }

  /** Faults. */
  @Rule(id = "F01", source = "mmu.c, mmu_topup_memory_caches; arm64 kvm_mmu_topup_memory_cache")
  default void required_F01_aFaultThatFindsNoMemoryCanBeTriedAgain() {
    onSmallBench(bench -> {
      bench.create().close();
      long before = bench.frames();
      TestedGuest guest = bench.launch(MEMORY);
      withEver(bench, ENOUGH, () -> touch(guest, 0, 0x71), () -> {});
      guest.write(0, 0x71, false);
      withEver(bench, ENOUGH, () -> touch(guest, Bench.HUGE, 0x72), () -> {});
      same(0x71, guest.read(0, false), "the first page");
      guest.close();
      bench.check();
      same(before, bench.frames(), "frames in use after the VM is gone");
    });
  }

  private static Outcome touch(TestedGuest guest, long at, int value) {
    Outcome accepted = guest.tryAccept(at, Bench.PAGE, PageLevel.PG_4K);
    if (!accepted.done()) {
      return accepted;
    }
    Outcome.Told told = guest.tryWrite(at, value, false);
    if (told.run().errno().ok()) {
      succeeds(told, "a write without memory");
      same(value, guest.read(at, false), "what was written with little memory");
    }
    return told;
  }

  /** Conversions. */
  @Rule(
      id = "F02",
      source = "the TDX huge page series: split before anything is zapped, ENOMEM ends the ioctl")
  default void required_F02_aConversionThatFindsNoMemoryLeavesTheNeighboursAlone() {
    onSmallBench(bench -> {
      TestedGuest guest = HugeRules.mapHuge(subject(), bench);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      withEver(
          bench,
          ENOUGH,
          () -> guest.convert(Bench.HUGE / 2, Bench.PAGE, false),
          () -> {
            if (!subject().has(ASKER_WAITS) || !waits(guest, Bench.HUGE / 2)) {
              HugeRules.rest(guest);
            }
          });
      HugeRules.rest(guest);
      guest.write(Bench.HUGE / 2, 0x73, true);
      same(0x73, guest.read(Bench.HUGE / 2, true), "the shared page");
    });
  }

  /** Tells whether a run ends as the guest's asking for a conversion did. */
  private static boolean waits(TestedGuest guest, long asked) {
    Outcome.Told run = guest.tryRead(0, false);
    return run.run().errno() == Errno.EFAULT
        && run.run().exit() instanceof Exit.MemoryFault fault
        && fault.gpa() == guest.base() + asked;
  }

  /** Holes. */
  @Rule(
      id = "F03",
      source =
          "guest_memfd.c, kvm_gmem_punch_hole; the TDX huge page series,"
              + " kvm_split_cross_boundary_leafs: ENOMEM")
  default void required_F03_aHoleThatFindsNoMemoryLeavesTheNeighboursAlone() {
    onSmallBench(bench -> {
      TestedGuest guest = HugeRules.mapHuge(subject(), bench);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, guest.punch(0, Bench.PAGE), "a hole where there is none");
        return;
      }
      withEver(
          bench,
          ENOUGH,
          call(() -> guest.punch(Bench.HUGE / 2, Bench.PAGE)),
          () -> HugeRules.rest(guest));
      guest.takeBack(Bench.HUGE / 2, Bench.PAGE);
      same(0, guest.read(Bench.HUGE / 2, false), "memory behind the hole");
    });
  }

  /** Initial contents. */
  @Rule(id = "F04", source = "guest_memfd.c, kvm_gmem_populate: what was done is counted")
  default void required_F04_populatingThatFindsNoMemoryCanBeTriedAgain() {
    onSmallBench(bench -> {
      bench.create().close();
      long before = bench.frames();
      TestedGuest guest = bench.prepare(MEMORY);
      long source = guest.source(Bench.PAGE, 0x74);
      if (!subject().has(POPULATE)) {
        notOffered(
            POPULATE,
            guest.populateFrom(0, Bench.PAGE, source, true),
            "populate where there is none");
        return;
      }
      withEver(
          bench, 4 * ENOUGH, call(() -> guest.populateFrom(0, Bench.PAGE, source, true)), () -> {});
      succeeds(bench.process().munmap(source, Bench.PAGE), "munmap");
      guest.finish();
      same(0x74, guest.read(0, false), "the populated page");
      guest.close();
      bench.check();
      same(before, bench.frames(), "frames in use after the VM is gone");
    });
  }

  /** Births. */
  @Rule(
      id = "F05",
      source = "api, LifecycleOps.vmInit: nothing is kept of a VM that is not created")
  default void required_F05_aLaunchThatFindsNoMemoryKeepsNothing() {
    onSmallBench(bench -> {
      bench.create().close(); // the platform takes its own frames with the first VM
      long before = bench.frames();
      int most = 16 * ENOUGH;
      for (int frames = 0; ; frames++) {
        claim(frames < most, "no launch with " + frames + " frames");
        boolean launched;
        try (Bench.Shortage _ = bench.shortage(frames)) {
          launched = bench.tryLaunch(MEMORY);
        }
        bench.closeAll();
        bench.check();
        same(before, bench.frames(), "frames in use after a launch with " + frames);
        if (launched) {
          return;
        }
      }
    });
  }
}
