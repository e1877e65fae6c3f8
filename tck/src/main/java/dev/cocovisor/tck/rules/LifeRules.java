package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.refused;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.FINALIZE_ENDS_POPULATE;
import static dev.cocovisor.tck.subject.Behaviour.FIRST_RUN_ENDS_LAUNCH;
import static dev.cocovisor.tck.subject.Behaviour.POPULATE;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.vmm.Outcome;
import java.util.List;

/** L: birth and death of VMs and vCPUs. */
public interface LifeRules extends Kit {
  /** A VM that did nothing leaves nothing. */
  @Rule(id = "L01", source = "arch/x86/kvm/x86.c, kvm_arch_destroy_vm")
  default void required_L01_aVmThatIsOnlyCreatedLeavesNothingBehind() {
    leavesNothing(Bench::create);
  }

  /** A VM whose launch stops half-way leaves nothing. */
  @Rule(id = "L02", source = "arch/x86/kvm/x86.c, kvm_arch_destroy_vm")
  default void required_L02_aLaunchGivenUpHalfWayLeavesNothingBehind() {
    leavesNothing(b -> b.prepare(MEMORY));
  }

  /** A VM that ran leaves nothing. */
  @Rule(id = "L03", source = "arch/x86/kvm/x86.c, kvm_arch_destroy_vm")
  default void required_L03_aVmThatRanGivesEveryFrameBack() {
    leavesNothing(b -> {
      TestedGuest g = b.launch(MEMORY);
      g.accept(0, 4 * Bench.PAGE);
      for (int i = 0; i < 4; i++) {
        g.write(i * Bench.PAGE, i + 1, false);
      }
      return g;
    });
  }

  /** A populated VM leaves nothing. */
  @Rule(id = "L04", source = "virt/kvm/guest_memfd.c, kvm_gmem_populate")
  default void required_L04_aPopulatedLaunchGivenUpLeavesNothingBehind() {
    leavesNothing(b -> {
      TestedGuest g = b.prepare(MEMORY);
      long ret = g.populate(0, 2 * Bench.PAGE, 7, true);
      if (subject().has(POPULATE)) {
        succeeds(ret, "populate");
      } else {
        notOffered(POPULATE, ret, "populate where nothing can be populated");
      }
      return g;
    });
  }

  private void leavesNothing(java.util.function.Function<Bench, TestedGuest> life) {
    onBench(bench -> {
      bench.create().close(); // the platform takes its own frames with the first VM
      long before = bench.frames();
      TestedGuest guest = life.apply(bench);
      guest.close();
      bench.check();
      same(before, bench.frames(), "frames in use after the VM is gone");
    });
  }

  /** Destruction happens once. */
  @Rule(id = "L05", source = "api, LifecycleOps.vmDestroy; x86.c, kvm_arch_destroy_vm")
  default void required_L05_vmAndVcpusAreDestroyedOnce() {
    onBench(bench -> {
      TestedGuest guest = bench.create().configure(2).plug(MEMORY).ready();
      guest.finish();
      guest.close();
      same(1, guest.ops().destroys(), "calls of vm_destroy");
      same(2, guest.ops().vcpuFrees(), "calls of vcpu_free");
    });
  }

  /** Freed frames are the host's. */
  @Rule(
      id = "L06",
      source =
          "api, PhysicalGuard; arch/x86/kvm/svm/sev.c, sev_gmem_make_shared; TDX module 1.5.01,"
              + " tdh_phymem_page_reclaim.c")
  default void required_L06_framesOfADeadVmAreTheHostsAgain() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 4 * Bench.PAGE);
      guest.write(0, 0x5a, false);
      List<long[]> mapped = guest.mapped(0, 4 * Bench.PAGE);
      claim(!mapped.isEmpty(), "the core knows which frames it mapped");
      guest.close();
      for (long[] m : mapped) {
        same(
            Verdict.ALLOW,
            bench.witness().host().memory().check(Accessor.HOST_KERNEL, m[1], true),
            "a host write to a frame of a dead VM");
      }
    });
  }

  /** Deaths are private. */
  @Rule(id = "L07", source = "api, Platform: shared by all its VMs")
  default void required_L07_oneVmsDeathLeavesAnotherAlone() {
    onBench(bench -> {
      TestedGuest a = bench.launch(MEMORY);
      TestedGuest b = bench.launch(MEMORY);
      a.accept(0, Bench.PAGE).write(0, 0x31, false);
      b.accept(0, Bench.PAGE).write(0, 0x32, false);
      a.close();
      bench.check();
      same(0x32, b.read(0, false), "memory of the VM that lives");
      b.write(0, 0x33, false);
      same(0x33, b.read(0, false), "memory of the VM that lives");
    });
  }

  /** Any order of closing works. */
  @Rule(id = "L08", source = "virt/kvm/guest_memfd.c, kvm_gmem_release")
  default void required_L08_memoryMayBeClosedBeforeTheVm() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      guest.closeMemoryFirst();
      bench.check();
    });
  }

  /** A second VM can reuse everything. */
  @Rule(id = "L09", source = "api, Platform.createVm")
  default void required_L09_vmsCanBeLaunchedOneAfterAnother() {
    onBench(bench -> {
      for (int i = 1; i <= 5; i++) {
        TestedGuest guest = bench.launch(MEMORY);
        guest.accept(0, Bench.PAGE);
        same(0, guest.read(0, false), "fresh memory of VM " + i);
        guest.write(0, i, false);
        guest.close();
        bench.check();
      }
    });
  }

  /** Unknown commands are refused. */
  @Rule(
      id = "L10",
      source = "x86.c, kvm_arch_vm_ioctl: ENOTTY; tdx_vm_ioctl, sev_mem_enc_ioctl: EINVAL")
  default void required_L10_unknownCommandsAreRefusedAndChangeNothing() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      VendorCommand no = new VendorCommand("KVM_NO_SUCH_COMMAND", new Fields());
      refused(bench.process().memoryEncryptOp(guest.machine().vmFd(), no), "an unknown op");
      refused(bench.process().vendorIoctl(guest.machine().vmFd(), no), "an unknown ioctl");
      refused(
          bench.process().memoryEncryptOp(guest.machine().vcpuFds().getFirst(), no),
          "an unknown vCPU op");
      refused(
          bench.process().enableCap(guest.machine().vmFd(), 9999, 0, 0), "an unknown capability");
      guest.finish();
      guest.accept(0, Bench.PAGE).write(0, 1, false);
    });
  }

  /** Unknown actions are left to the core. */
  @Rule(id = "L11", source = "api, MappingOps.guestAction: null if the backend does not know it")
  default void required_L11_anUnknownGuestActionIsNotAnswered() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      claim(
          guest
                  .ops()
                  .guestAction(
                      guest.ops().vcpus().getFirst(),
                      new GuestAction.Vendor("no_such_action", new Fields()))
              == null,
          "an action nobody knows was answered");
    });
  }

  /** A launch ends once. */
  @Rule(id = "L12", source = "tdx_td_finalize, snp_launch_finish: EINVAL; rmi_realm_activate")
  default void required_L12_aLaunchCannotBeFinalizedTwice() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      long again = subject().driver().finalizeLaunch(guest.machine());
      if (subject().has(FINALIZE_ENDS_POPULATE) && !subject().has(FIRST_RUN_ENDS_LAUNCH)) {
        refused(again, "a second end of the launch");
      } else {
        same(0L, again, "a technology without launch has nothing to refuse");
        absent(FINALIZE_ENDS_POPULATE, "no call ends the launch, and another one is nothing");
      }
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      same(1, guest.read(0, false), "memory afterwards");
    });
  }

  /** A second VM may be refused, but not by an exception. */
  @Rule(
      id = "L13",
      source = "api, LifecycleOps.vcpuCreate; virt/kvm/kvm_main.c, kvm_vm_ioctl_create_vcpu")
  default void required_L13_manyVcpusRunTheSameMemory() {
    onBench(bench -> {
      TestedGuest guest = bench.create().configure(4).plug(MEMORY).ready().finish();
      guest.accept(0, Bench.PAGE).write(0, 0x44, false);
      for (int v = 0; v < 4; v++) {
        Outcome.Told told = guest.tryRead(v, 0, false);
        succeeds(told, "a read by vCPU " + v);
        same(0x44L, told.value(), "what vCPU " + v + " reads");
      }
      succeeds(guest.tryWrite(3, 0, 0x45, false), "a write by the last vCPU");
      same(0x45, guest.read(0, false), "what the first vCPU reads then");
    });
  }
}
