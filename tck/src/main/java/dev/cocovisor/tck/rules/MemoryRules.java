package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.vmm.Outcome;

/** M: what a guest sees of its memory, and how faults are answered. */
public interface MemoryRules extends Kit {
  /** Fresh memory is zero. */
  @Rule(id = "M01", source = "TDH.MEM.PAGE.AUG zeroes; clear_highpage in kvm_gmem_get_pfn")
  default void required_M01_freshPrivateMemoryReadsZero() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 8 * Bench.PAGE);
      for (int i = 0; i < 8; i++) {
        same(0, guest.read(i * Bench.PAGE + 8L * i, false), "fresh page " + i);
      }
    });
  }

  /** Nothing comes in by the way. */
  @Rule(
      id = "M12",
      source =
          "virt/kvm/guest_memfd.c, kvm_gmem_populate: contents come in by the launch alone;"
              + " arch/arm64/kvm/mmu.c, pkvm_mem_abort: a page is donated with what it holds")
  default void required_M12_whatTheHostWroteBeforeIsNoPartOfFreshMemory() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      var _ = succeeds(bench.process().hostWrite(guest.host(0), 0x33), "a host store");
      guest.accept(0, Bench.PAGE);
      int found = guest.read(0, false);
      if (subject().has(Behaviour.FINALIZE_ENDS_POPULATE)) {
        same(0, found, "fresh memory, which the host wrote to before");
      } else if (found == 0x33) {
        absent(Behaviour.FINALIZE_ENDS_POPULATE, "a page comes with what the host left in it");
      } else {
        same(0, found, "fresh memory");
      }
    });
  }

  /** Memory remembers. */
  @Rule(
      id = "M02",
      source =
          "virt/kvm/guest_memfd.c, kvm_gmem_get_folio: one folio an index; arch/arm64/kvm/mmu.c,"
              + " pkvm_mem_abort: one page a gfn")
  default void required_M02_everyPageKeepsItsOwnContents() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 64 * Bench.PAGE);
      for (int i = 0; i < 64; i++) {
        guest.write(i * Bench.PAGE + i, i + 1, false);
      }
      bench.check();
      for (int i = 0; i < 64; i++) {
        same(i + 1, guest.read(i * Bench.PAGE + i, false), "page " + i);
      }
    });
  }

  /** The last page counts. */
  @Rule(id = "M03", source = "virt/kvm/kvm_main.c, __gfn_to_memslot")
  default void required_M03_theLastPageOfMemoryWorks() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      long last = MEMORY - Bench.PAGE;
      guest.accept(last, Bench.PAGE).write(last, 0x7e, false);
      same(0x7e, guest.read(last, false), "the last page");
    });
  }

  /** No memory, no answer. */
  @Rule(
      id = "M04",
      source = "mmu.c, kvm_handle_noslot_fault: a private one is KVM_EXIT_MEMORY_FAULT")
  default void required_M04_anAccessOutsideMemoryNeverCompletes() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      Outcome.Told run = guest.tryRead(MEMORY + 16 * Bench.HUGE, false);
      claim(!run.done(), "a read outside memory", "an exit or an error", run);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
    });
  }

  /** Sharedness mismatch is reported. */
  @Rule(id = "M05", source = "mmu.c, kvm_mmu_faultin_pfn: kvm_mmu_prepare_memory_fault_exit")
  default void required_M05_aSharedAccessToPrivateMemoryExitsToTheVmm() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      PrivateRule rule = guest.ops().traits().privateRule();
      if (rule != PrivateRule.SHARED_BIT && rule != PrivateRule.ENCRYPTION_BIT) {
        guest.accept(0, Bench.PAGE);
        same(0, guest.read(0, false), "where the guest cannot say shared, it reads");
        return;
      }
      Outcome.Told run = guest.tryRead(0, true);
      same(Errno.EFAULT, run.run().errno(), "KVM_RUN");
      claim(
          run.run().exit() instanceof Exit.MemoryFault,
          "the exit",
          "KVM_EXIT_MEMORY_FAULT",
          run.run().exit());
      Exit.MemoryFault fault = (Exit.MemoryFault) run.run().exit();
      same(0L, fault.flags(), "flags of the exit");
      same(guest.base(), fault.gpa(), "gpa of the exit, without shared bit");
      same(Bench.PAGE, fault.size(), "size of the exit");
    });
  }

  /** And the other way round. */
  @Rule(id = "M06", source = "mmu.c, kvm_mmu_faultin_pfn: KVM_MEMORY_EXIT_FLAG_PRIVATE")
  default void required_M06_aPrivateAccessToSharedMemoryExitsToTheVmm() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      PrivateRule rule = guest.ops().traits().privateRule();
      if (!subject().has(Behaviour.CONVERT)) {
        notOffered(
            Behaviour.CONVERT,
            guest.convert(0, Bench.PAGE, false),
            "a conversion where there is none");
        return;
      }
      if (rule != PrivateRule.SHARED_BIT && rule != PrivateRule.ENCRYPTION_BIT) {
        guest.accept(0, Bench.PAGE).write(0, 0x18, false);
        same(0x18, guest.read(0, true), "one memory, however the guest asks for it");
        return;
      }
      guest.accept(0, Bench.PAGE).write(0, 0x18, false);
      succeeds(guest.convert(0, Bench.PAGE, false), "the conversion to shared");
      Outcome.Told run = guest.tryRead(0, false);
      claim(!run.done(), "a private read of shared memory", "an exit or an error", run);
      if (run.run().exit() instanceof Exit.MemoryFault fault) {
        same(Errno.EFAULT, run.run().errno(), "KVM_RUN");
        same(Exit.MemoryFault.PRIVATE, fault.flags(), "flags of the exit");
        same(guest.base(), fault.gpa(), "gpa of the exit");
      }
    });
  }

  /** Mirror and external table agree. */
  @Rule(
      id = "M07",
      source = "tdp_mmu.c, set_external_spte: mirror and external table agree leaf by leaf")
  default void required_M07_theExternalTableMapsWhatTheMirrorMaps() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 16 * Bench.PAGE);
      for (int i = 0; i < 16; i += 2) {
        guest.write(i * Bench.PAGE, 1, false);
      }
      agree(guest);
      if (subject().has(Behaviour.PUNCH)) {
        succeeds(guest.punch(0, 2 * Bench.PAGE), "punch");
        agree(guest);
      }
    });
  }

  private static void agree(TestedGuest guest) {
    if (guest.ops().traits().shape() != StageShape.MIRRORED) {
      same(
          ExternalTableOps.UNKNOWN,
          guest.ops().externalPfn(guest.gfn(0), PageLevel.PG_4K),
          "a stage without mirror has no external table");
      return;
    }
    for (long gfn = guest.gfn(0); gfn < guest.gfn(MEMORY); gfn++) {
      long expected = guest.context().mappedPfn(gfn, true);
      PageLevel level = guest.context().mappedLevel(gfn, true);
      long seen =
          level == null
              ? guest.ops().externalPfn(gfn, PageLevel.PG_4K)
              : guest.ops().externalPfn(level.alignDown(gfn), level);
      long want = level == null ? ExternalTableOps.NONE : expected - (gfn - level.alignDown(gfn));
      if (seen != ExternalTableOps.UNKNOWN) {
        same(want, seen, "the external entry of gfn 0x" + Long.toHexString(gfn));
      }
    }
  }

  /** Frames are used once. */
  @Rule(
      id = "M08",
      source =
          "virt/kvm/guest_memfd.c, kvm_gmem_get_folio: one folio an index; invariant of the model:"
              + " every frame has one owner")
  default void required_M08_noFrameIsMappedTwice() {
    onBench(bench -> {
      TestedGuest a = bench.launch(MEMORY);
      TestedGuest b = bench.launch(MEMORY);
      for (TestedGuest g : new TestedGuest[] {a, b}) {
        g.accept(0, 32 * Bench.PAGE);
        for (int i = 0; i < 32; i++) {
          g.write(i * Bench.PAGE, 9, false);
        }
      }
      java.util.Set<Long> seen = new java.util.HashSet<>();
      for (TestedGuest g : new TestedGuest[] {a, b}) {
        for (long[] m : g.mapped(0, MEMORY)) {
          claim(seen.add(m[1]), "mappings of frame 0x" + Long.toHexString(m[1]), "one", "two");
        }
      }
      claim(seen.size() >= 64, "the core knows its mappings");
    });
  }

  /** Shared memory is shared. */
  @Rule(
      id = "M09",
      source = "private_mem_conversions_test C1: the shared half is the VMM's mapping")
  default void required_M09_guestAndHostSeeEachOthersSharedStores() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(Behaviour.CONVERT)) {
        notOffered(
            Behaviour.CONVERT,
            guest.convert(0, Bench.PAGE, false),
            "a conversion where there is none");
        return;
      }
      guest.accept(0, Bench.PAGE);
      succeeds(guest.convert(0, Bench.PAGE, false), "the conversion to shared");
      succeeds(bench.process().hostWrite(guest.host(0), 0x41), "a host store");
      same(0x41, guest.read(0, true), "what the guest reads of the host's store");
      guest.write(1, 0x42, true);
      same(0x42L, bench.process().hostRead(guest.host(1)), "what the host reads of the guest's");
    });
  }

  /** Levels stay within bounds. */
  @Rule(id = "M10", source = "mmu.c, kvm_gmem_max_mapping_level; api, VmTraits.maxPrivateLevel")
  default void required_M10_noPrivateLeafIsLargerThanTheBackendAllows() {
    onHugeBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.HUGE);
      guest.write(0, 1, false);
      for (long[] m : guest.mapped(0, MEMORY)) {
        PageLevel level = guest.context().mappedLevel(m[0], true);
        PageLevel most =
            guest.ops().privateMaxMappingLevel(guest.ops().vcpus().getFirst(), m[1], m[0], false);
        claim(
            level != null
                && level.number() <= guest.ops().traits().maxPrivateLevel().number()
                && (most == null || level.number() <= most.number()),
            "the level of gfn 0x" + Long.toHexString(m[0]),
            "at most " + most,
            level);
      }
    });
  }

  /** Limits only limit. */
  @Rule(
      id = "M11",
      source = "api, DelegatedStageOps.delegatedMaxLevel; mmu.c, kvm_mmu_max_mapping_level")
  default void required_M11_aLevelHookNeverRaisesALevel() {
    onHugeBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      long pfn = guest.context().mappedPfn(guest.gfn(0), true);
      for (PageLevel wanted : new PageLevel[] {PageLevel.PG_4K, PageLevel.PG_2M, PageLevel.PG_1G}) {
        PageLevel most = guest.ops().delegatedMaxLevel(guest.gfn(0), pfn, wanted, true);
        claim(
            most.number() <= wanted.number(), most + " is answered where " + wanted + " is asked");
      }
      PageLevel limit = guest.ops().traits().maxPrivateLevel();
      for (boolean prefetch : new boolean[] {false, true}) {
        PageLevel most =
            guest
                .ops()
                .privateMaxMappingLevel(
                    guest.ops().vcpus().getFirst(), pfn, guest.gfn(0), prefetch);
        claim(
            most == null || most.number() <= limit.number(),
            "a private leaf of " + most + " where " + limit + " is the most");
      }
    });
  }
}
