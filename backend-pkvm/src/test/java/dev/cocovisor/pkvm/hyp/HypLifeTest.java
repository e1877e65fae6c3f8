package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Hypercall bands, the life of VMs, caches, faults and blocks: EL2 driven with no KVM around. */
class HypLifeTest {
  private final HypMachine m = new HypMachine();

  private static long err(Errno e) {
    return -e.number();
  }

  @Test
  void callsOfTheEarlyBandAreNotDispatchedAfterFinalise() {
    m.call(0, Hypercall.CREATE_PRIVATE_MAPPING);
    assertThat(m.hyp.x0(0)).isEqualTo(-1);
    m.call(0, Hypercall.ADJUST_PC);
    assertThat(m.hyp.x0(0)).isZero();
  }

  @Test
  void callsOfTheLateBandAreNotDispatchedBeforeFinalise() {
    Hyp young = new Hyp(MemoryMap.flat(1024), m.memory, 1, m);
    young.hostCall(0, Hypercall.HOST_SHARE_HYP.number(), 1, 0, 0, 0);
    assertThat(young.x0(0)).isEqualTo(-1);
    assertThat(young.hostState(1)).isEqualTo(PageState.OWNED);
    young.hostCall(0, Hypercall.CREATE_PRIVATE_MAPPING.number(), 0, 0, 0, 0);
    assertThat(young.x0(0)).isZero();
  }

  @Test
  void finaliseWorksOnceOnACpu() {
    assertThat(m.call(0, Hypercall.PROT_FINALIZE)).isEqualTo(err(Errno.EPERM));
  }

  @Test
  void unknownCallsAreNotDispatched() {
    m.hyp.hostCall(0, Hypercall.ID_BASE + 51, 0, 0, 0, 0);
    assertThat(m.hyp.x0(0)).isEqualTo(-1);
    m.hyp.hostCall(0, Hypercall.HYP_INIT.number(), 0, 0, 0, 0);
    assertThat(m.hyp.x0(0)).isEqualTo(-1);
  }

  @Test
  void numbersAreThoseOfTheKernel() {
    assertThat(Hypercall.HOST_SHARE_HYP.number()).isEqualTo(0xc600001dL);
    assertThat(Hypercall.PKVM_TLB_FLUSH_VMID.number()).isEqualTo(0xc6000032L);
    assertThat(Hypercall.of(0xc600002bL)).isEqualTo(Hypercall.FORCE_RECLAIM_GUEST_PAGE);
  }

  @Test
  void handlesStartAtTheBaseAndRunOutAfter255() {
    assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(0x1000);
    for (int i = 1; i < 255; i++) {
      assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(0x1000 + i);
    }
    assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(err(Errno.ENOMEM));
    m.call(0, Hypercall.UNRESERVE_VM, 0x1005);
    assertThat(m.call(0, Hypercall.RESERVE_VM)).isEqualTo(0x1005);
  }

  @Test
  void initVmUndoesEverythingWhenItFails() {
    HypMachine m = new HypMachine(1, new Stage2Geometry(40));
    HostVm unknown = new HostVm(m.page(), true, 0x1000, 1);
    m.register(unknown);
    assertThat(m.call(0, Hypercall.INIT_VM, unknown.pfn(), 0x300, 0x301))
        .isEqualTo(err(Errno.EPERM));
    m.call(0, Hypercall.HOST_SHARE_HYP, unknown.pfn());
    assertThat(m.call(0, Hypercall.INIT_VM, unknown.pfn(), 0x300, 0x301))
        .as("slot not reserved")
        .isEqualTo(err(Errno.EINVAL));
    m.hyp.hostShareFfa(0x302, 1);
    m.call(0, Hypercall.RESERVE_VM);
    assertThat(m.call(0, Hypercall.INIT_VM, unknown.pfn(), 0x300, 0x301))
        .as("second page of the root is not the host's alone")
        .isEqualTo(err(Errno.ENOMEM));
    m.hyp.hostUnshareFfa(0x302, 1);
    assertThat(m.call(0, Hypercall.HOST_UNSHARE_HYP, unknown.pfn())).isZero();
    assertThat(m.hyp.touchedPages()).isZero();
  }

  @Test
  void initVcpuChecksHandlePinAndIndexInThisOrder() {
    HypMachine.Guest g = m.guest(true);
    HostVcpu v = new HostVcpu(m.page(), 0, new Memcache());
    m.register(v);
    assertThat(m.call(0, Hypercall.INIT_VCPU, 0x1009, v.pfn(), 0x300)).isEqualTo(err(Errno.ENOENT));
    assertThat(m.call(0, Hypercall.INIT_VCPU, g.handle(), v.pfn(), 0x300))
        .isEqualTo(err(Errno.EBUSY));
    m.call(0, Hypercall.HOST_SHARE_HYP, v.pfn());
    assertThat(m.call(0, Hypercall.INIT_VCPU, g.handle(), v.pfn(), 0x300))
        .as("index 0 is taken")
        .isEqualTo(err(Errno.EINVAL));
    assertThat(m.hyp.hostState(0x300)).isEqualTo(PageState.OWNED);
    assertThat(m.call(0, Hypercall.INIT_VCPU, g.handle(), v.pfn(), v.pfn()))
        .as("the page is shared, so it cannot be donated")
        .isEqualTo(err(Errno.ENOMEM));
    assertThat(m.violations()).isEmpty();
  }

  @Test
  void loadDoesNothingWhereTheVcpuIsLoadedElsewhere() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    m.call(1, Hypercall.VCPU_LOAD, g.handle(), 0);
    assertThat(m.hyp.isLoaded(1)).isFalse();
    m.call(0, Hypercall.VCPU_LOAD, g.handle(), 0);
    assertThat(m.call(0, Hypercall.START_TEARDOWN_VM, g.handle()))
        .as("in use")
        .isEqualTo(err(Errno.EINVAL));
    m.call(0, Hypercall.VCPU_PUT);
    assertThat(m.call(1, Hypercall.VCPU_RUN)).isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.FINALIZE_TEARDOWN_VM, g.handle()))
        .as("not dying")
        .isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.START_TEARDOWN_VM, g.handle())).isZero();
    assertThat(m.call(0, Hypercall.START_TEARDOWN_VM, g.handle())).isEqualTo(err(Errno.EINVAL));
    m.call(0, Hypercall.VCPU_LOAD, g.handle(), 0);
    assertThat(m.hyp.isLoaded(0)).as("a dying VM's vCPU never loads").isFalse();
  }

  @Test
  void teardownReturnsEveryPageWiped() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    m.memory.writeByte(0x100L << 12, 7);
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 0x80000)).isZero();
    m.call(0, Hypercall.VCPU_PUT);
    m.call(0, Hypercall.START_TEARDOWN_VM, g.handle());
    assertThat(m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, g.handle(), 0x80000)).isZero();
    g.bury();
    assertThat(m.memory.isZero(0x100)).isTrue();
    // 2 root pages + 2 table pages; 1 VM page + 1 vCPU page (its cache was used up).
    assertThat(g.vm.stage2Teardown().size()).isEqualTo(4);
    assertThat(g.vm.teardown().size()).isEqualTo(2);
    assertThat(m.hyp.touchedPages()).isZero();
  }

  @Test
  void finalizeBeforeReclaimLosesPagesAndTheInvariantsSaySo() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5);
    m.call(0, Hypercall.VCPU_PUT);
    m.call(0, Hypercall.START_TEARDOWN_VM, g.handle());
    g.bury();
    assertThat(m.violations()).containsExactly("pfn 0x100: 0 owners");
  }

  @Test
  void sharedPagesKeepTheirContentAtReclaimAndOwnedOnesDoNot() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    for (long p = 0x100; p < 0x102; p++) {
      m.memory.writeByte(p << 12, 9);
      g.fill();
      assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, p, p)).isZero();
    }
    m.hyp.guestHvc(0, GuestCalls.MEM_SHARE, 0x101 << 12, 0, 0);
    m.call(0, Hypercall.VCPU_PUT);
    assertThat(m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, g.handle(), 0x100))
        .as("alive")
        .isEqualTo(err(Errno.EINVAL));
    m.call(0, Hypercall.START_TEARDOWN_VM, g.handle());
    m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, g.handle(), 0x100);
    m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, g.handle(), 0x101);
    assertThat(m.memory.readByte(0x100 << 12)).isZero();
    assertThat(m.memory.readByte(0x101 << 12)).isEqualTo(9);
    g.bury();
    assertThat(m.hyp.touchedPages()).isZero();
  }

  @Test
  void aShortCacheRefusesDonationAndThePagesAdmittedStayWithEl2() {
    HypMachine.Guest g = m.guest(true);
    m.call(0, Hypercall.VCPU_LOAD, g.handle(), 0);
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isEqualTo(err(Errno.ENOMEM));
    long spare = m.page();
    g.vcpus.get(0).memcache().push(spare);
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isEqualTo(err(Errno.ENOMEM));
    assertThat(m.hyp.hypState(spare)).isEqualTo(PageState.OWNED);
    g.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
  }

  // nvhe/mem_protect.c, 7.1: as many pages as every table of a mapping could take, not one fewer.
  @Test
  void aCacheThatLacksOnePageIsShort() {
    HypMachine.Guest g = m.guest(true);
    m.call(0, Hypercall.VCPU_LOAD, g.handle(), 0);
    while (g.vcpus.get(0).memcache().size() < m.hyp.geometry().minCachePages() - 1) {
      g.vcpus.get(0).memcache().push(m.page());
    }
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isEqualTo(err(Errno.ENOMEM));
    g.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
  }

  // nvhe/mm.c, refill_memcache, admit_host_page: what EL2 takes is cleared before it is used.
  @Test
  void whatEl2TakesOfTheHostsCacheIsCleared() {
    HypMachine.Guest g = m.guest(true);
    m.call(0, Hypercall.VCPU_LOAD, g.handle(), 0);
    List<Long> given = new ArrayList<>();
    while (g.vcpus.get(0).memcache().size() < m.hyp.geometry().minCachePages()) {
      long pfn = m.page();
      m.memory.writeByte(pfn << 12, 9);
      g.vcpus.get(0).memcache().push(pfn);
      given.add(pfn);
    }
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    assertThat(given).isNotEmpty();
    for (long pfn : given) {
      assertThat(m.hyp.hypState(pfn)).as("frame 0x%x", pfn).isEqualTo(PageState.OWNED);
      assertThat(m.memory.readByte(pfn << 12)).as("frame 0x%x", pfn).isZero();
    }
  }

  // nvhe/pkvm.c, unmap_donated_memory: what EL2 kept of a VM is zeroed before the host has it.
  @Test
  void whatEl2KeptOfAVmComesBackWiped() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    m.call(0, Hypercall.VCPU_PUT);
    List<Long> kept = new ArrayList<>();
    for (long pfn = m.page(); pfn > 0; pfn--) {
      if (m.hyp.hypState(pfn) == PageState.OWNED) {
        m.memory.writeByte(pfn << 12, 9);
        kept.add(pfn);
      }
    }
    assertThat(kept).hasSizeGreaterThan(4);
    assertThat(m.call(0, Hypercall.START_TEARDOWN_VM, g.handle())).isZero();
    m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, g.handle(), 5);
    g.bury();
    for (long pfn : kept) {
      assertThat(m.hyp.hostState(pfn)).isEqualTo(PageState.OWNED);
      assertThat(m.memory.readByte(pfn << 12)).as("frame 0x%x", pfn).isZero();
    }
  }

  @Test
  void theCacheMustBeFullEvenWhenTheTablesExist() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x101, 6)).isEqualTo(err(Errno.ENOMEM));
    g.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x101, 6)).isZero();
  }

  @Test
  void hostFaultsTakeTheLargestBlockWithoutAnnotation() {
    assertThat(m.hyp.hostFault(0x3)).isEqualTo(Errno.OK);
    assertThat(m.hyp.hostMappingLevel(0x1ff)).isEqualTo(HypPageTable.PMD_LEVEL);
    assertThat(m.hyp.hostFault(0x4)).isEqualTo(Errno.EEXIST);
    assertThat(m.hyp.hostDonateHyp(0x10, 1)).isEqualTo(Errno.OK);
    assertThat(m.hyp.hostMappingLevel(0x11)).as("the block is gone").isEqualTo(-1);
    assertThat(m.hyp.hostFault(0x10)).isEqualTo(Errno.EPERM);
    assertThat(m.hyp.hostFault(0x11)).isEqualTo(Errno.OK);
    assertThat(m.hyp.hostMappingLevel(0x11)).isEqualTo(HypPageTable.PAGE_LEVEL);
    assertThat(m.hyp.hostMappingLevel(0x12)).isEqualTo(-1);
  }

  @Test
  void theGuardRefusesTheHostWhatItDoesNotReach() {
    m.guest(true).loadOn(0);
    m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5);
    assertThat(m.hyp.check(Accessor.HOST_USER, 0x100, false)).isEqualTo(Verdict.FAULT);
    assertThat(m.hyp.check(Accessor.HOST_KERNEL, 0x100, true)).isEqualTo(Verdict.FAULT);
    assertThat(m.hyp.check(Accessor.HOST_USER, 0x101, true)).isEqualTo(Verdict.ALLOW);
    m.hyp.guestHvc(0, GuestCalls.MEM_SHARE, 5 << 12, 0, 0);
    assertThat(m.hyp.check(Accessor.HOST_USER, 0x100, false)).isEqualTo(Verdict.ALLOW);
  }

  @Test
  void aPoisonedAddressIsToldFromAnEmptyOneOnlyByTheFaultItself() {
    HypMachine.Guest g = m.guest(true).loadOn(0);
    assertThat(m.call(0, Hypercall.VCPU_IN_POISON_FAULT)).isEqualTo(err(Errno.EINVAL));
    m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5);
    assertThat(m.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, 0x100 << 12)).isZero();
    assertThat(m.hyp.guestWalk(0, 5 << 12, false, false)).isEqualTo(Hyp.WALK_TRANSLATION_FAULT);
    assertThat(m.call(0, Hypercall.VCPU_IN_POISON_FAULT)).isEqualTo(1);
    assertThat(m.hyp.guestWalk(0, 6 << 12, false, false)).isEqualTo(Hyp.WALK_TRANSLATION_FAULT);
    assertThat(m.call(0, Hypercall.VCPU_IN_POISON_FAULT)).isZero();
    assertThat(m.hyp.guestHvc(0, GuestCalls.MEM_SHARE, 5 << 12, 0, 0)).isEqualTo(HvcOutcome.DONE);
    assertThat(m.hyp.guestX0(0)).isEqualTo(-3);
    g.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isEqualTo(err(Errno.EPERM));
  }

  @Test
  void wrappersAskForTheRightKindOfGuest() {
    m.guest(true).loadOn(0);
    HypMachine.Guest normal = m.guest(false).loadOn(1);
    assertThat(m.call(1, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x100, 5, 1, 7)).isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(2, Hypercall.HOST_SHARE_GUEST, 0x100, 5, 1, 7)).isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.HOST_UNSHARE_GUEST, normal.handle() - 1, 5, 1))
        .isEqualTo(err(Errno.EINVAL));
  }

  @Test
  void blocksAreSharedAndUnsharedWhole() {
    HypMachine.Guest g = m.guest(false).loadOn(0);
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x201, 0x400, 512, 7))
        .isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 8, 7))
        .isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 512, 15))
        .isEqualTo(err(Errno.EINVAL));
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 512, 7)).isZero();
    assertThat(m.hyp.guestWalk(0, (0x400L << 12) + 0x5123, true, false))
        .isEqualTo((0x200L << 12) + 0x5123);
    assertThat(m.violations()).isEmpty();
    assertThat(m.call(0, Hypercall.HOST_UNSHARE_GUEST, g.handle(), 0x400, 1))
        .isEqualTo(err(Errno.E2BIG));
    assertThat(m.call(0, Hypercall.HOST_UNSHARE_GUEST, g.handle(), 0x400, 512)).isZero();
    assertThat(m.hyp.hostState(0x3ff)).isEqualTo(PageState.OWNED);
  }

  @Test
  void attributesOfSharedMappingsFollowTheCalls() {
    HypMachine.Guest g = m.guest(false).loadOn(0);
    assertThat(m.call(0, Hypercall.HOST_SHARE_GUEST, 0x100, 5, 1, Pte.R)).isZero();
    assertThat(m.hyp.guestWalk(0, 5 << 12, true, false)).isEqualTo(Hyp.WALK_PERMISSION_FAULT);
    assertThat(m.call(0, Hypercall.HOST_RELAX_PERMS_GUEST, 5, Pte.W)).isZero();
    assertThat(m.hyp.guestWalk(0, 5 << 12, true, false)).isEqualTo(0x100 << 12);
    assertThat(m.call(0, Hypercall.HOST_TEST_CLEAR_YOUNG_GUEST, g.handle(), 5, 1, 1)).isEqualTo(1);
    assertThat(m.call(0, Hypercall.HOST_TEST_CLEAR_YOUNG_GUEST, g.handle(), 5, 1, 1)).isZero();
    assertThat(m.call(0, Hypercall.HOST_MKYOUNG_GUEST, 5)).isZero();
    assertThat(m.call(0, Hypercall.HOST_TEST_CLEAR_YOUNG_GUEST, g.handle(), 5, 1, 0)).isEqualTo(1);
    assertThat(m.call(0, Hypercall.HOST_WRPROTECT_GUEST, g.handle(), 5, 1)).isZero();
    assertThat(m.hyp.guestWalk(0, 5 << 12, true, false)).isEqualTo(Hyp.WALK_PERMISSION_FAULT);
  }

  @Test
  void rangesOutsideMemoryAreRefusedByKind() {
    assertThat(m.hyp.hostDonateHyp(1L << 36, 1)).isEqualTo(Errno.EINVAL);
    assertThat(m.hyp.hostDonateHyp(4095, 2)).isEqualTo(Errno.EINVAL);
    assertThat(m.hyp.hostDonateHyp(5000, 1)).isEqualTo(Errno.EPERM);
    assertThat(m.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, 5000L << 12))
        .isEqualTo(err(Errno.EFAULT));
  }
}
