package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.witness.HookCall;
import dev.cocovisor.vmm.Outcome;
import java.util.ArrayList;
import java.util.List;

/**
 * O: two guests, one frame. The host is not trusted, so it gives a guest's trusted half frames that
 * somebody else holds, through the very hooks by which it gives its own; what is refused there is
 * refused whoever asks.
 */
public interface OwnershipRules extends Kit {
  /** A byte that no rule but these writes. */
  int SECRET = 0xe7;

  private TestedGuest holder(Bench bench, int secret) {
    TestedGuest guest = bench.launch(MEMORY);
    guest.accept(0, 4 * Bench.PAGE);
    for (int i = 0; i < 4; i++) {
      guest.write(i * Bench.PAGE, secret, false);
    }
    return guest;
  }

  private static long frame(TestedGuest guest, long at) {
    return guest.context().mappedPfn(guest.gfn(at), true);
  }

  /**
   * Gives a frame to a guest at a place, as the host's kernel would: by the hook that maps private
   * memory, with what has to come before.
   */
  private static Errno give(TestedGuest to, long at, long pfn) {
    VmOps ops = to.ops().delegate();
    long gfn = to.gfn(at);
    StageShape shape = to.ops().traits().shape();
    if (shape == StageShape.DIRECT) {
      return ops.gmemPrepare(gfn, pfn, 0);
    }
    to.context().mmuLock().lockShared();
    try {
      return shape == StageShape.MIRRORED
          ? ops.setExternalSpte(gfn, PageLevel.PG_4K, pfn)
          : ops.mapDelegated(to.ops().vcpus().getFirst(), gfn, pfn, PageLevel.PG_4K, true, true);
    } finally {
      to.context().mmuLock().unlockShared();
    }
  }

  private void refusesFrame(Bench bench, TestedGuest to, long at, long pfn, String whose) {
    to.mayDie(); // a host that does this is a bug to its own kernel half
    Errno errno = give(to, at, pfn);
    if (to.ops().traits().shape() == StageShape.DIRECT) {
      // The host keeps the tables, so what it maps is checked when the guest goes there.
      Verdict v = bench.witness().host().memory().check(guest(to), pfn, true);
      claim(
          !errno.ok() || v != Verdict.ALLOW,
          whose + ", given by the host",
          "a refusal, or a guard that keeps the guest out",
          errno + " and " + v);
      return;
    }
    claim(!errno.ok(), whose + ", given by the host", "a refusal", errno);
  }

  private static Accessor guest(TestedGuest guest) {
    return new Accessor(Accessor.Kind.GUEST, guest.context().id(), guest.context().id());
  }

  private static void keeps(TestedGuest guest, int secret, String who) {
    for (int i = 0; i < 4; i++) {
      same(secret, guest.read(i * Bench.PAGE, false), who + "'s page " + i);
    }
  }

  /** A held frame is nobody else's. */
  @Rule(
      id = "O01",
      source =
          "TDH.MEM.PAGE.AUG: PAMT not free; RMPUPDATE of an assigned page; RMI_GRANULE_DELEGATE;"
              + " __pkvm_host_donate_guest: not the host's")
  default void required_O01_aFrameThatAnotherGuestHoldsIsNotGivenAway() {
    needs(Claim.GUESTS_KEPT_APART);
    for (boolean olderHolds : new boolean[] {true, false}) {
      onBench(bench -> {
        TestedGuest older = holder(bench, olderHolds ? SECRET : 0x18);
        TestedGuest younger = holder(bench, olderHolds ? 0x18 : SECRET);
        TestedGuest holds = olderHolds ? older : younger;
        refusesFrame(
            bench,
            olderHolds ? younger : older,
            8 * Bench.PAGE,
            frame(holds, 0),
            "a guest's frame");
        keeps(holds, SECRET, "the guest that holds the frame");
        bench.check();
      });
    }
  }

  /** Nor is it the same guest's at another address. */
  @Rule(
      id = "O02",
      source =
          "APM volume 2, 15.36: an RMP entry has one gpa; TDX module 1.5.01, tdh_mem_page_aug.c:"
              + " one PAMT entry a frame; DEN0137, granule states")
  default void required_O02_aFrameInUseIsNotMappedAtASecondAddress() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest guest = holder(bench, SECRET);
      if (guest.ops().traits().shape() == StageShape.DIRECT) {
        var _ = give(guest, 8 * Bench.PAGE, frame(guest, Bench.PAGE));
        keeps(guest, SECRET, "the guest"); // the host may ask; the page stays where it is
      } else {
        refusesFrame(bench, guest, 8 * Bench.PAGE, frame(guest, Bench.PAGE), "its own frame");
      }
      bench.check();
    });
  }

  /** Tables are nobody's memory. */
  @Rule(
      id = "O03",
      source =
          "TDX module 1.5.01, tdh_mem_sept_add.c and tdh_mem_page_aug.c: one PAMT entry a frame;"
              + " DEN0137, granule states")
  default void required_O03_aTableIsNoMemoryAndMemoryIsNoTable() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest first = holder(bench, SECRET);
      TestedGuest second = holder(bench, 0x19);
      List<HookCall> tables = bench.witness().calls("link_external_spt");
      if (second.ops().traits().shape() != StageShape.MIRRORED) {
        // Tables that the host does not give are not the host's to mix up.
        refusesFrame(bench, second, 8 * Bench.PAGE, frame(first, Bench.PAGE), "memory of another");
        return;
      }
      claim(!tables.isEmpty(), "the host gave no table");
      refusesFrame(bench, second, 8 * Bench.PAGE, tables.getFirst().pfn(), "a guest's table");
      second.context().mmuLock().lockShared();
      try {
        long behind = PageLevel.PG_2M.alignDown(second.gfn(3 * Bench.HUGE));
        Errno errno =
            second.ops().delegate().linkExternalSpt(behind, PageLevel.PG_2M, frame(first, 0));
        claim(!errno.ok(), "a guest's memory as a table of another", "a refusal", errno);
      } finally {
        second.context().mmuLock().unlockShared();
      }
      keeps(first, SECRET, "the first guest");
    });
  }

  /** Only the owner's pages are taken back from it. */
  @Rule(
      id = "O04",
      source =
          "TDH.MEM.PAGE.REMOVE, RMI_DATA_DESTROY, __pkvm_reclaim_dying_guest_page: of this guest")
  default void required_O04_aPageIsNotTakenBackThroughAnotherGuest() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest first = holder(bench, SECRET);
      TestedGuest second = holder(bench, 0x1a);
      StageShape shape = second.ops().traits().shape();
      if (shape != StageShape.DIRECT) {
        second.mayDie();
        second.context().mmuLock().lock();
        try {
          VmOps ops = second.ops().delegate();
          long gfn = second.gfn(0);
          Errno errno =
              shape == StageShape.MIRRORED
                  ? ops.removeExternalSpte(gfn, PageLevel.PG_4K, frame(first, 0))
                  : ops.unmapDelegated(gfn, frame(first, 0), PageLevel.PG_4K, true);
          // A half that goes by its own table may take its own page; the other's it leaves alone.
          claim(
              !errno.ok() || guarded(bench, first, 0),
              "a guest's frame, taken back through another guest",
              "a refusal",
              errno);
        } finally {
          second.context().mmuLock().unlock();
        }
      }
      claim(
          guarded(bench, first, 0),
          "the host's write to the frame of a guest that runs",
          "FAULT, CIPHER or POISON",
          Verdict.ALLOW);
      // A host can write over what it cannot read; then the guest stops rather than reads it.
      first.mayDie();
      Outcome.Told told = first.tryRead(0, false);
      claim(
          !told.done() || told.value() == SECRET,
          "the guest's read of its page",
          "what it wrote, " + SECRET + ", or a fault",
          told);
    });
  }

  private static boolean guarded(Bench bench, TestedGuest guest, long at) {
    HostMemory memory = bench.witness().host().memory();
    return memory.check(Accessor.HOST_KERNEL, frame(guest, at), true) != Verdict.ALLOW;
  }

  /** The guard knows guests from each other. */
  @Rule(
      id = "O05",
      source =
          "TDX module base specification, HKID; APM volume 2, 15.36, ASID; DEN0137, a granule's"
              + " realm; arch/arm64/kvm/hyp/nvhe/mem_protect.c, host_stage2_set_owner_locked")
  default void required_O05_theGuardKeepsOtherGuestsOut() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest first = holder(bench, SECRET);
      TestedGuest second = holder(bench, 0x1b);
      HostMemory memory = bench.witness().host().memory();
      for (TestedGuest of : new TestedGuest[] {first, second}) {
        TestedGuest stranger = of == first ? second : first;
        for (boolean write : new boolean[] {false, true}) {
          Verdict v = memory.check(guest(stranger), frame(of, 0), write);
          if (subject().has(Behaviour.TABLES_KEEP_GUESTS_APART)) {
            // What its tables do not map a guest cannot reach, and the host does not keep them.
            refusesFrame(bench, stranger, 8 * Bench.PAGE, frame(of, 0), "another's frame");
          } else {
            claim(
                v != Verdict.ALLOW,
                (stranger == first ? "the first guest" : "the second guest")
                    + (write ? " writes" : " reads")
                    + " the other's page",
                "anything but ALLOW",
                v);
          }
        }
      }
    });
  }

  /** A frame's next owner learns nothing. */
  @Rule(
      id = "O06",
      source =
          "TDX module 1.5.01, tdg_mem_page_accept.c: zeroed; APM volume 2, 15.34: another key;"
              + " DEN0137, RMI_DATA_DESTROY: scrubbed; arch/arm64/kvm/hyp/nvhe/mem_protect.c,"
              + " __pkvm_host_reclaim_page_guest: wiped")
  default void required_O06_theNextOwnerOfAFrameFindsNothingInIt() {
    needs(Claim.NOTHING_LEFT_BEHIND);
    onBench(bench -> {
      TestedGuest old = bench.launch(MEMORY);
      old.accept(0, 64 * Bench.PAGE);
      for (int i = 0; i < 64; i++) {
        for (int b = 0; b < 4; b++) {
          old.write(i * Bench.PAGE + b, SECRET, false);
        }
      }
      List<Long> frames = new ArrayList<>();
      old.mapped(0, 64 * Bench.PAGE).forEach(m -> frames.add(m[1]));
      if (subject().has(Behaviour.PUNCH)) {
        succeeds(old.punch(0, 32 * Bench.PAGE), "the hole");
        frames.subList(0, 32).forEach(pfn -> clean(bench, pfn));
      }
      old.close();
      frames.forEach(pfn -> clean(bench, pfn));
      // The allocator hands frames out again, to the host's processes and to other guests.
      TestedGuest fresh = bench.launch(MEMORY);
      fresh.accept(0, 64 * Bench.PAGE);
      for (int i = 0; i < 64; i++) {
        claim(
            fresh.read(i * Bench.PAGE + 1, false) != SECRET,
            "a new guest's read of page " + i,
            "no secret",
            SECRET);
      }
      for (int i = 0; i < 64; i++) {
        long user = fresh.host(Bench.HUGE + i * Bench.PAGE);
        claim(
            bench.process().hostRead(user) != SECRET,
            "a process's read of page " + i,
            "no secret",
            SECRET);
      }
    });
  }

  private static void clean(Bench bench, long pfn) {
    byte[] seen = new byte[4];
    Errno errno =
        bench
            .witness()
            .host()
            .memory()
            .read(Accessor.HOST_KERNEL, pfn << PageLevel.PAGE_SHIFT, seen, 0, 4);
    boolean shows = errno.ok();
    for (byte b : seen) {
      shows &= (b & 0xff) == SECRET;
    }
    claim(
        !shows,
        "the host's read of frame 0x" + Long.toHexString(pfn),
        "no secret",
        "what the guest wrote, " + SECRET);
  }

  /** What a guest that ended held can be held again. */
  @Rule(
      id = "O07",
      source =
          "TDX module 1.5.01, tdh_phymem_page_reclaim.c; SEV-SNP Firmware ABI, SNP_PAGE_RECLAIM;"
              + " DEN0137, RMI_GRANULE_UNDELEGATE")
  default void required_O07_framesOfAGuestThatEndedServeAnother() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest old = holder(bench, SECRET);
      TestedGuest beside = holder(bench, 0x1c);
      List<Long> frames = new ArrayList<>();
      old.mapped(0, 4 * Bench.PAGE).forEach(m -> frames.add(m[1]));
      old.close();
      bench.check();
      for (long pfn : frames) {
        same(
            Verdict.ALLOW,
            bench.witness().host().memory().check(Accessor.HOST_KERNEL, pfn, true),
            "the host's write to a frame that was given back");
      }
      TestedGuest fresh = holder(bench, 0x1d);
      keeps(fresh, 0x1d, "the new guest");
      keeps(beside, 0x1c, "the guest beside it");
    });
  }

  /** What one shares is one's own. */
  @Rule(
      id = "O08",
      source = "pKVM mem_protect.c, __pkvm_guest_share_host; TDX, SNP, CCA: conversion by address")
  default void required_O08_sharingOpensThePageSharedAndNoOther() {
    needs(Claim.VMM_KEPT_OUT);
    onBench(bench -> {
      TestedGuest first = holder(bench, SECRET);
      TestedGuest second = holder(bench, 0x1e);
      if (!subject().has(Behaviour.CONVERT)) {
        notOffered(Behaviour.CONVERT, first.convert(0, Bench.PAGE, false), "a conversion");
        return;
      }
      succeeds(first.convert(Bench.PAGE, Bench.PAGE, false), "sharing one page");
      HostMemory memory = bench.witness().host().memory();
      for (TestedGuest of : new TestedGuest[] {first, second}) {
        for (long at = 0; at < 4 * Bench.PAGE; at += Bench.PAGE) {
          if (of == second || at != Bench.PAGE) {
            claim(
                memory.check(Accessor.HOST_USER, frame(of, at), true) != Verdict.ALLOW,
                "the VMM's write to a page that nobody shared",
                "anything but ALLOW",
                Verdict.ALLOW);
          }
        }
      }
      first.write(Bench.PAGE, 0x2f, true);
      same(0x2fL, bench.process().hostRead(first.host(Bench.PAGE)), "the page shared");
    });
  }

  /** Contents come into a frame that is free. */
  @Rule(
      id = "O09",
      source =
          "TDX module 1.5.01, tdh_mem_page_add.c; SEV-SNP Firmware ABI, SNP_LAUNCH_UPDATE; DEN0137,"
              + " RMI_DATA_CREATE: a free frame")
  default void required_O09_populatingOneGuestLeavesAnothersFramesAlone() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest first = holder(bench, SECRET);
      TestedGuest second = bench.prepare(MEMORY);
      if (!subject().has(Behaviour.POPULATE)) {
        notOffered(Behaviour.POPULATE, second.populate(0, Bench.PAGE, 1, true), "populate");
        return;
      }
      succeeds(second.populate(0, 4 * Bench.PAGE, 0x20, true), "populating");
      second.finish();
      keeps(first, SECRET, "the guest that runs");
      for (int i = 0; i < 4; i++) {
        same(0x20, second.read(i * Bench.PAGE, false), "the populated page " + i);
        claim(
            frame(first, i * Bench.PAGE) != frame(second, i * Bench.PAGE),
            "the frames of two guests",
            "two",
            frame(first, i * Bench.PAGE) + " twice");
      }
    });
  }
}
