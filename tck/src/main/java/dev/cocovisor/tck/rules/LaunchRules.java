package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.answers;
import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.refused;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.FINALIZE_ENDS_POPULATE;
import static dev.cocovisor.tck.subject.Behaviour.POPULATE;
import static dev.cocovisor.tck.subject.Behaviour.POPULATE_UNMEASURED;
import static dev.cocovisor.tck.subject.Behaviour.PRE_FAULT;
import static dev.cocovisor.tck.subject.Behaviour.PRE_FAULT_BEFORE_FINALIZE;
import static dev.cocovisor.tck.subject.Behaviour.RUN_BEFORE_FINALIZE;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.vmm.Outcome;

/** P: populating, measuring, finalizing and pre-faulting. */
public interface LaunchRules extends Kit {
  /** Populated contents are there. */
  @Rule(id = "P01", source = "tdx_gmem_post_populate, sev_gmem_post_populate, realm populate")
  default void required_P01_theGuestReadsWhatWasPopulated() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      long ret = guest.populate(2 * Bench.PAGE, 3 * Bench.PAGE, 0x6b, true);
      if (!subject().has(POPULATE)) {
        notOffered(POPULATE, ret, "populate where nothing can be populated");
        return;
      }
      succeeds(ret, "populate");
      bench.check();
      guest.finish();
      for (int i = 2; i < 5; i++) {
        same(0x6b, guest.read(i * Bench.PAGE, false), "populated page " + i);
      }
    });
  }

  /** Unmeasured contents are there too. */
  @Rule(
      id = "P02",
      source =
          "arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate: without MEASURE; SEV-SNP Firmware ABI,"
              + " SNP_LAUNCH_UPDATE: UNMEASURED")
  default void required_P02_contentsNeedNotBeMeasured() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      long ret = guest.populate(0, Bench.PAGE, 0x21, false);
      if (!subject().has(POPULATE) || !subject().has(POPULATE_UNMEASURED)) {
        notOffered(
            subject().has(POPULATE) ? POPULATE_UNMEASURED : POPULATE,
            ret,
            "populate without measuring");
        return;
      }
      succeeds(ret, "populate without measuring");
      guest.finish();
      same(0x21, guest.read(0, false), "the populated page");
    });
  }

  /** Neighbours stay untouched. */
  @Rule(id = "P03", source = "virt/kvm/guest_memfd.c, kvm_gmem_populate")
  default void required_P03_populatingOnePageLeavesItsNeighboursFresh() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      if (!subject().has(POPULATE)) {
        notOffered(
            POPULATE,
            guest.populate(0, Bench.PAGE, 1, true),
            "populate where nothing can be populated");
        return;
      }
      succeeds(guest.populate(4 * Bench.PAGE, Bench.PAGE, 0x77, true), "populate");
      guest.finish();
      guest.accept(3 * Bench.PAGE, Bench.PAGE).accept(5 * Bench.PAGE, Bench.PAGE);
      same(0, guest.read(3 * Bench.PAGE, false), "the page before");
      same(0x77, guest.read(4 * Bench.PAGE, false), "the page itself");
      same(0, guest.read(5 * Bench.PAGE, false), "the page behind");
    });
  }

  /** No slot, no contents. */
  @Rule(id = "P04", source = "virt/kvm/guest_memfd.c, kvm_gmem_populate: no slot or no guest_memfd")
  default void required_P04_populatingOutsideMemoryIsRefused() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      refused(guest.populate(MEMORY + Bench.HUGE, Bench.PAGE, 1, true), "populate without a slot");
      bench.check();
      guest.finish();
      guest.accept(0, Bench.PAGE).write(0, 1, false);
    });
  }

  /** The launch ends populating. */
  @Rule(
      id = "P05",
      source = "tdx_vcpu_init_mem_region: TD_STATE_RUNNABLE; snp_launch_update; DATA_CREATE")
  default void required_P05_nothingCanBePopulatedAfterTheLaunch() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      long ret = guest.populate(0, Bench.PAGE, 0x66, true);
      if (!subject().has(POPULATE) || subject().has(FINALIZE_ENDS_POPULATE)) {
        if (subject().has(POPULATE)) {
          refused(ret, "populate after the launch");
        } else {
          notOffered(POPULATE, ret, "populate after the launch");
        }
        guest.accept(0, Bench.PAGE);
        same(0, guest.read(0, false), "the page after a refused populate");
      } else {
        succeeds(ret, "populate where the launch has no end");
        absent(FINALIZE_ENDS_POPULATE, "populate after the launch succeeded");
      }
    });
  }

  /** A page is added once. */
  @Rule(
      id = "P06",
      source = "TDH.MEM.PAGE.ADD: EPT_ENTRY_STATE_INCORRECT; sev_gmem_populate: EEXIST")
  default void required_P06_aPageCannotBePopulatedTwice() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      if (!subject().has(POPULATE)) {
        notOffered(
            POPULATE,
            guest.populate(0, Bench.PAGE, 1, true),
            "populate where nothing can be populated");
        return;
      }
      succeeds(guest.populate(0, Bench.PAGE, 0x10, true), "populate");
      if (!subject().has(FINALIZE_ENDS_POPULATE)) {
        succeeds(guest.populate(0, Bench.PAGE, 0x20, true), "writing the page once more");
        guest.finish();
        same(0x20, guest.read(0, false), "the page holds what was written last");
        absent(FINALIZE_ENDS_POPULATE, "a page can be written again");
        return;
      }
      refused(guest.populate(0, Bench.PAGE, 0x20, true), "populating the same page again");
      bench.check();
      guest.finish();
      same(0x10, guest.read(0, false), "the page keeps its first contents");
    });
  }

  /** A guest was in if neither KVM refused nor the processor (VMRUN's KVM_EXIT_FAIL_ENTRY). */
  private static boolean entered(Outcome.Told run) {
    return run.run().errno().ok() && !run.run().exit().name().equals("KVM_EXIT_FAIL_ENTRY");
  }

  /** Guests wait for their launch. */
  @Rule(id = "P07", source = "tdx_vcpu_pre_run, sev pre_sev_run, REC_ENTER before ACTIVATE")
  default void required_P07_aGuestDoesNotRunBeforeItsLaunchIsOver() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      Outcome.Told run = guest.tryWrite(0, 0x12, false);
      if (subject().has(RUN_BEFORE_FINALIZE)) {
        claim(
            run.run().errno().ok() || run.run().errno() == Errno.EFAULT,
            "an early run",
            "OK or EFAULT",
            run);
        notes().refused("the guest need not wait for its launch (RUN_BEFORE_FINALIZE)");
      } else {
        claim(!entered(run), "an early run", "not to enter the guest", run);
        bench.check();
        guest.finish();
        guest.accept(0, Bench.PAGE);
        same(0, guest.read(0, false), "memory after a refused run");
      }
    });
  }

  /**
   * What KVM_PRE_FAULT_MEMORY answers where there is none: an architecture that does not have the
   * ioctl does not know it, one that has it says that the VM's type may not.
   */
  // virt/kvm/kvm_main.c, kvm_vcpu_pre_fault_memory; arch/arm64/kvm/arm.c, kvm_arch_vcpu_ioctl.
  private static Errno noPreFault(JudgedBackend subject) {
    boolean known = !subject.backend().info().architecture().equals(Architecture.ARM64);
    return known ? Errno.EOPNOTSUPP : Errno.EINVAL;
  }

  /** Pre-faulting waits for the launch. */
  @Rule(id = "P08", source = "mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory: pre_fault_allowed")
  default void required_P08_preFaultingBeforeTheLaunchIsOver() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      long ret = guest.preFault(0, 4 * Bench.PAGE);
      if (subject().has(PRE_FAULT) && subject().has(PRE_FAULT_BEFORE_FINALIZE)) {
        succeeds(ret, "KVM_PRE_FAULT_MEMORY before the end of the launch");
      } else {
        answers(noPreFault(subject()), ret, "KVM_PRE_FAULT_MEMORY before the end of the launch");
        absent(
            subject().has(PRE_FAULT) ? PRE_FAULT_BEFORE_FINALIZE : PRE_FAULT,
            "it answered -" + noPreFault(subject()));
        same(0, guest.mapped(0, 4 * Bench.PAGE).size(), "pages mapped by a refused call");
      }
    });
  }

  /** Pre-faulting maps. */
  @Rule(id = "P09", source = "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory")
  default void required_P09_preFaultingMapsEveryPage() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      long ret = guest.preFault(0, 16 * Bench.PAGE);
      if (!subject().has(PRE_FAULT)) {
        answers(noPreFault(subject()), ret, "KVM_PRE_FAULT_MEMORY");
        absent(PRE_FAULT, "it answered -" + noPreFault(subject()));
        return;
      }
      succeeds(ret, "KVM_PRE_FAULT_MEMORY");
      same(16, guest.mapped(0, 16 * Bench.PAGE).size(), "pages mapped");
      bench.check();
      guest.accept(0, Bench.PAGE);
      same(0, guest.read(0, false), "a page that was mapped ahead");
    });
  }

  /** Pre-faulting twice is harmless. */
  @Rule(id = "P10", source = "arch/x86/kvm/mmu/mmu.c, kvm_tdp_page_prefault: RET_PF_SPURIOUS")
  default void required_P10_preFaultingAgainChangesNothing() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      if (!subject().has(PRE_FAULT)) {
        answers(noPreFault(subject()), guest.preFault(0, Bench.PAGE), "KVM_PRE_FAULT_MEMORY");
        absent(PRE_FAULT, "it answered -" + noPreFault(subject()));
        return;
      }
      guest.accept(0, Bench.PAGE).write(0, 0x19, false);
      succeeds(guest.preFault(0, 4 * Bench.PAGE), "KVM_PRE_FAULT_MEMORY");
      long frames = bench.frames();
      succeeds(guest.preFault(0, 4 * Bench.PAGE), "KVM_PRE_FAULT_MEMORY again");
      same(frames, bench.frames(), "frames in use");
      same(0x19, guest.read(0, false), "memory in use");
    });
  }

  /** The hook of KVM_MAP_MEMORY has two answers. */
  @Rule(id = "P11", source = "the KVM_MAP_MEMORY series, pre_mmu_map_page: OK, or EOPNOTSUPP")
  default void required_P11_theHookOfMapMemoryAllowsOrRefuses() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      var vcpu = guest.ops().vcpus().getFirst();
      MemoryMapping page = new MemoryMapping(guest.base(), Bench.PAGE, 0);
      for (boolean isPrivate : new boolean[] {true, false}) {
        Errno before = guest.ops().preMmuMapPage(vcpu, page, isPrivate);
        claim(
            before.ok() || before == Errno.EOPNOTSUPP,
            "pre_mmu_map_page before the end of the launch",
            "OK or EOPNOTSUPP",
            before);
      }
      guest.finish();
      Errno after = guest.ops().preMmuMapPage(vcpu, page, true);
      claim(after.ok() || after == Errno.EOPNOTSUPP, "pre_mmu_map_page", "OK or EOPNOTSUPP", after);
      same(-1L, guest.context().mappedPfn(guest.gfn(0), true), "the hook maps nothing itself");
      guest.accept(0, Bench.PAGE).write(0, 1, false);
    });
  }
}
