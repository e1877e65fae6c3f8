package dev.cocovisor.tck.rules;

import static dev.cocovisor.api.mem.PhysicalGuard.Verdict.ALLOW;
import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.refused;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.CONVERT;
import static dev.cocovisor.tck.subject.Behaviour.KEEPS_CONTENTS_ON_CONVERSION;
import static dev.cocovisor.tck.subject.Behaviour.PUNCH;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Claims;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.witness.HookCall;
import dev.cocovisor.vmm.Outcome;
import java.util.List;

/** C: conversions between private and shared, and holes. */
public interface ConversionRules extends Kit {
  private static Verdict hostMay(Bench bench, long pfn) {
    return bench.witness().host().memory().check(Accessor.HOST_USER, pfn, true);
  }

  /** Converting unmaps, or lets the host in. */
  @Rule(
      id = "C01",
      source =
          "mmu.c, kvm_arch_pre_set_memory_attributes: unmap before the store; pKVM"
              + " mem_protect.c, __pkvm_guest_share_host: the mapping stays")
  default void required_C01_memoryMadeSharedIsNoLongerTheGuestsAlone() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 4 * Bench.PAGE);
      for (int i = 0; i < 4; i++) {
        guest.write(i * Bench.PAGE, 0x5c, false);
      }
      List<long[]> before = guest.mapped(0, 4 * Bench.PAGE);
      same(4, before.size(), "pages the guest uses");
      Outcome ret = guest.convert(0, 4 * Bench.PAGE, false);
      if (!subject().has(CONVERT)) {
        notOffered(CONVERT, ret, "a conversion where there is none");
        same(0x5c, guest.read(0, false), "memory after a refused conversion");
        return;
      }
      succeeds(ret, "the conversion to shared");
      bench.check();
      if (subject().has(KEEPS_CONTENTS_ON_CONVERSION)) {
        for (long[] m : before) {
          same(m[1], guest.context().mappedPfn(m[0], true), "the frame of gfn " + m[0]);
          same(ALLOW, hostMay(bench, m[1]), "the VMM's write to what the guest shares");
        }
      } else {
        same(0, guest.mapped(0, 4 * Bench.PAGE).size(), "private mappings left");
      }
    });
  }

  /** Secrets stay. */
  @Rule(id = "C02", source = "private_mem_conversions_test C2: the host sees the old shared bytes")
  default void required_C02_privateContentsDoNotShowInSharedMemory() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, Bench.PAGE).write(0, 0x5c, false);
      succeeds(guest.convert(0, Bench.PAGE, false), "the conversion to shared");
      if (subject().has(KEEPS_CONTENTS_ON_CONVERSION)) {
        same(0x5c, guest.read(0, true), "contents kept in place");
      } else {
        claim(guest.read(0, true) != 0x5c, "a read of shared memory", "no secret", 0x5c);
        claim(
            bench.process().hostRead(guest.host(0)) != 0x5c,
            "the host's read of shared memory",
            "no secret",
            0x5c);
      }
    });
  }

  /** Shared contents are not private ones. */
  @Rule(
      id = "C03",
      source =
          "TDX module 1.5.01, tdg_mem_page_accept.c: zeroes; APM volume 3, PVALIDATE; DEN0137,"
              + " RIPAS")
  default void required_C03_memoryMadePrivateIsUsableAndHoldsNothingOfTheHost() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, Bench.PAGE);
      succeeds(guest.convert(0, Bench.PAGE, false), "the conversion to shared");
      guest.write(0, 0x29, true);
      succeeds(guest.convert(0, Bench.PAGE, true), "the conversion back");
      if (!subject().has(KEEPS_CONTENTS_ON_CONVERSION)) {
        claim(
            guest.read(0, false) != 0x29, "a read of private memory", "not what was shared", 0x29);
      }
      guest.write(0, 0x2a, false);
      same(0x2a, guest.read(0, false), "private memory after the conversion");
    });
  }

  /** Back and forth. */
  @Rule(id = "C04", source = "private_mem_conversions_test C1 to C4")
  default void required_C04_aRangeCanBeConvertedManyTimes() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, 2 * Bench.PAGE);
      for (int i = 1; i <= 6; i++) {
        succeeds(guest.convert(0, 2 * Bench.PAGE, false), "to shared, round " + i);
        guest.write(Bench.PAGE, i, true);
        same(i, guest.read(Bench.PAGE, true), "shared contents, round " + i);
        bench.check();
        succeeds(guest.convert(0, 2 * Bench.PAGE, true), "to private, round " + i);
        guest.write(Bench.PAGE, 0x80 + i, false);
        same(0x80 + i, guest.read(Bench.PAGE, false), "private contents, round " + i);
        bench.check();
      }
    });
  }

  /** Neighbours are left alone. */
  @Rule(
      id = "C05",
      source = "mmu.c, kvm_arch_pre_set_memory_attributes; the split of head and tail")
  default void required_C05_convertingPartOfARegionKeepsTheRest() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, Bench.HUGE);
      for (long at : List.of(0L, 7 * Bench.PAGE, 9 * Bench.PAGE, Bench.HUGE - Bench.PAGE)) {
        guest.write(at, 0x3d, false);
      }
      succeeds(guest.convert(8 * Bench.PAGE, Bench.PAGE, false), "to shared");
      bench.check();
      for (long at : List.of(0L, 7 * Bench.PAGE, 9 * Bench.PAGE, Bench.HUGE - Bench.PAGE)) {
        same(0x3d, guest.read(at, false), "private memory at " + Long.toHexString(at));
      }
      guest.write(8 * Bench.PAGE, 0x3e, true);
      same(0x3e, guest.read(8 * Bench.PAGE, true), "the shared page");
    });
  }

  /** Nothing to do, nothing done. */
  @Rule(id = "C06", source = "kvm_main.c, kvm_vm_set_mem_attributes: unchanged ranges return early")
  default void required_C06_convertingToWhatItIsCallsNoHook() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x0b, false);
      bench.witness().forget();
      long ret = guest.steps().hostConvert(0, Bench.PAGE, true);
      if (subject().has(CONVERT) && !subject().has(KEEPS_CONTENTS_ON_CONVERSION)) {
        succeeds(ret, "private to private");
      } else {
        refused(ret, "a conversion by the host where there is none");
        notes().refused("the host converts nothing by itself");
      }
      for (String hook : List.of("remove_external_spte", "unmap_delegated", "gmem_invalidate")) {
        same(0, bench.witness().calls(hook).size(), "calls of " + hook);
      }
      same(0x0b, guest.read(0, false), "memory");
    });
  }

  /** The order of a zap. */
  @Rule(
      id = "C07",
      source =
          "tdp_mmu.c, __handle_changed_spte: an external entry goes before the frame is used"
              + " otherwise; pKVM mem_protect.c, __pkvm_guest_unshare_host: the host is locked out"
              + " again")
  default void required_C07_theTrustedHalfHasItsPartInEveryConversion() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, 4 * Bench.PAGE);
      for (int i = 0; i < 4; i++) {
        guest.write(i * Bench.PAGE, 1, false);
      }
      StageShape shape = guest.ops().traits().shape();
      bench.witness().forget();
      succeeds(guest.convert(0, 4 * Bench.PAGE, false), "to shared");
      if (subject().has(KEEPS_CONTENTS_ON_CONVERSION)) {
        same(0, bench.witness().calls("unmap_delegated").size(), "pages taken from the guest");
        succeeds(guest.convert(0, 2 * Bench.PAGE, true), "half of it back to private");
        for (int i = 0; i < 4; i++) {
          Verdict v = hostMay(bench, guest.context().mappedPfn(guest.gfn(i * Bench.PAGE), true));
          boolean shut = i < 2 && subject().claims(Claim.VMM_KEPT_OUT);
          same(shut, v != ALLOW, "the VMM is kept from page " + i + " (" + v + ")");
        }
        return;
      }
      String hook =
          shape == StageShape.MIRRORED
              ? "remove_external_spte"
              : shape == StageShape.DELEGATED ? "unmap_delegated" : "";
      if (!hook.isEmpty()) {
        List<HookCall> calls =
            bench.witness().calls(hook).stream()
                .filter(c -> c.gfn() < guest.gfn(4 * Bench.PAGE))
                .toList();
        claim(!calls.isEmpty(), "hooks that take a page from the trusted half", "one", "none");
        calls.forEach(c -> same("OK", c.result(), hook + " of gfn " + c.gfn()));
      }
    });
  }

  /** Holes free frames. */
  @Rule(id = "C08", source = "guest_memfd.c, kvm_gmem_punch_hole, kvm_gmem_free_folio")
  default void required_C08_aHoleFreesItsFrames() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 4 * Bench.PAGE);
      for (int i = 0; i < 4; i++) {
        guest.write(i * Bench.PAGE, 0x6c, false);
      }
      List<long[]> mapped = guest.mapped(0, 4 * Bench.PAGE);
      long before = bench.frames();
      // As large as a folio: of a smaller hole in one the rest stays, and splitting it costs a
      // table.
      long ret = guest.punch(0, Bench.HUGE);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, ret, "a hole where there is none");
        same(0x6c, guest.read(0, false), "memory after a refused hole");
        return;
      }
      succeeds(ret, "the hole");
      bench.check();
      claim(bench.frames() <= before - 4, "frames freed", "at least 4", before - bench.frames());
      for (long[] m : mapped) {
        same(
            ALLOW,
            bench.witness().host().memory().check(Accessor.HOST_KERNEL, m[1], true),
            "a host write to a freed frame");
      }
    });
  }

  /** Holes forget. */
  @Rule(id = "C09", source = "guest_memfd.c: a hole reads as fresh memory")
  default void required_C09_memoryBehindAHoleIsFresh() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, guest.punch(0, Bench.PAGE), "a hole where there is none");
        return;
      }
      guest.accept(0, 4 * Bench.PAGE);
      guest.write(0, 0x6c, false);
      guest.write(3 * Bench.PAGE, 0x6d, false);
      succeeds(guest.punch(0, 2 * Bench.PAGE), "the hole");
      guest.takeBack(0, 2 * Bench.PAGE);
      same(0, guest.read(0, false), "memory behind the hole");
      same(0x6d, guest.read(3 * Bench.PAGE, false), "memory beside the hole");
    });
  }

  /** Holes may be anywhere. */
  @Rule(id = "C10", source = "guest_memfd_test G10 to G12")
  default void required_C10_aHoleInUntouchedMemoryIsNothing() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, guest.punch(0, Bench.PAGE), "a hole where there is none");
        return;
      }
      long before = bench.frames();
      succeeds(guest.punch(4 * Bench.PAGE, 8 * Bench.PAGE), "a hole in nothing");
      same(before, bench.frames(), "frames in use");
      guest.accept(0, Bench.PAGE).write(0, 1, false);
    });
  }

  /** Holes in converted memory. */
  @Rule(id = "C11", source = "private_mem_conversions_test C6")
  default void required_C11_memoryCanBeConvertedPunchedAndConvertedBack() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, guest.punch(0, Bench.PAGE), "a hole where there is none");
        return;
      }
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      guest.accept(0, 8 * Bench.PAGE);
      guest.write(0, 0x4e, false);
      succeeds(guest.convert(0, 8 * Bench.PAGE, false), "to shared");
      succeeds(guest.punch(0, 8 * Bench.PAGE), "the hole");
      succeeds(guest.convert(0, 8 * Bench.PAGE, true), "to private");
      same(0, guest.read(0, false), "fresh memory");
      guest.write(0, 0x4f, false);
      same(0x4f, guest.read(0, false), "memory in use again");
    });
  }

  /** Slots go and come. */
  @Rule(
      id = "C12",
      source = "kvm_main.c, kvm_invalidate_memslot; set_memory_region_test R14, R17, R18")
  default void required_C12_deletingTheSlotTakesItsMemoryFromTheGuest() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 2 * Bench.PAGE).write(0, 0x1d, false);
      var bank = guest.machine().banks().getFirst();
      long ret =
          bank.guestMemfd() < 0
              ? bench
                  .process()
                  .setUserMemoryRegion(
                      guest.machine().vmFd(), 0, 0, bank.gpa(), 0, bank.userAddress())
              : bench
                  .process()
                  .setUserMemoryRegion2(
                      guest.machine().vmFd(), 0, 4, bank.gpa(), 0, bank.userAddress(), 0, -1);
      if (ret < 0) {
        refused(ret, "deleting a slot"); // in-place memory stays until the VM ends
        notes().refused("slots of a VM that runs are not deleted: " + Claims.name(ret));
        same(0x1d, guest.read(0, false), "memory whose slot stays");
        return;
      }
      bench.check();
      same(0, guest.mapped(0, 2 * Bench.PAGE).size(), "private mappings left");
      claim(!guest.tryRead(0, false).done(), "a read without a slot completed");
    });
  }
}
