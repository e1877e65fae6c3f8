package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a backend is offered of a VM does what it says. */
class VmContextViewTest {
  private static final long M = 2L << 20;
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long ELSEWHERE = 0x7f70_0000_0000L;

  private final FakeBackend backend =
      new FakeBackend(
          new VmOps() {
            @Override
            public VmTraits traits() {
              return VmTraits.SW_PROTECTED;
            }
          });
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"), List.of(backend));
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 5);
  private final int vcpu = (int) p.createVcpu(vm, 0);
  private final int fd = (int) p.createGuestMemfd(vm, 4 * M, 0);
  private final VmContext context = backend.context();

  VmContextViewTest() {
    assertThat(p.mmap(HVA, 4 * M, 3, 0x40022, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 3, 4, BASE, 4 * M, HVA, 0, fd)).isZero();
    assertThat(p.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
  }

  @AfterEach
  void nothingIsBroken() {
    kvm.checkInvariants(broken -> assertThat(broken).isEmpty());
  }

  private VcpuContext first() {
    return context.vcpus().getFirst();
  }

  private Vcpu vcpu() {
    return Objects.requireNonNull(p.vcpu(vcpu));
  }

  @Test
  void bytesOfUserMemoryAreCopiedWhateverPagesTheyLieIn() {
    Random random = new Random(7);
    for (long at : new long[] {HVA, HVA + 1, HVA + 4095, HVA + 4096, HVA + 8190}) {
      for (int length : new int[] {0, 1, 2, 4095, 4096, 4097, 8193}) {
        for (int offset : new int[] {0, 3}) {
          byte[] from = new byte[offset + length + 2];
          random.nextBytes(from);
          assertThat(context.copyToUser(at, from, offset, length)).isEqualTo(Errno.OK);
          byte[] into = new byte[from.length];
          assertThat(context.copyFromUser(at, into, offset, length)).isEqualTo(Errno.OK);
          byte[] wanted = new byte[from.length];
          System.arraycopy(from, offset, wanted, offset, length);
          assertThat(into).as("%s bytes at 0x%x", length, at).isEqualTo(wanted);
          for (int i = 0; i < length; i += 1 + length / 7) {
            assertThat(p.hostRead(at + i)).isEqualTo(from[offset + i] & 0xff);
          }
        }
      }
    }
  }

  @Test
  void aPageThatTheProcessLacksOrMayNotWriteIsEfault() {
    byte[] two = {1, 2};
    long last = HVA + 4 * M - 1;
    assertThat(context.copyToUser(last, two, 0, 2)).isEqualTo(Errno.EFAULT);
    assertThat(p.hostRead(last)).as("what came before the page that is missing").isEqualTo(1);
    assertThat(context.copyFromUser(last, two, 0, 2)).isEqualTo(Errno.EFAULT);
    assertThat(context.copyFromUser(last, two, 0, 1)).isEqualTo(Errno.OK);
    assertThat(p.mmap(ELSEWHERE, M, 1, 0x22, -1, 0)).isEqualTo(ELSEWHERE);
    assertThat(context.copyToUser(ELSEWHERE, two, 0, 2)).isEqualTo(Errno.EFAULT);
    assertThat(context.copyFromUser(ELSEWHERE, two, 0, 2)).isEqualTo(Errno.OK);
    assertThat(two).containsOnly(0);
  }

  private void mapBothHuge() {
    assertThat(context.mapPage(first(), BASE, true)).isEqualTo(Errno.OK);
    assertThat(context.mapPage(first(), BASE + 3 * M, false)).isEqualTo(Errno.OK);
    assertThat(context.mappedLevel(GFN, true)).isEqualTo(PageLevel.PG_2M);
    assertThat(context.mappedLevel(GFN + 3 * 512, false)).isEqualTo(PageLevel.PG_2M);
  }

  @Test
  void whatIsMappedIsToldByPage() {
    assertThat(context.mappedLevel(GFN, true)).isNull();
    assertThat(context.mappedPfn(GFN, true)).isEqualTo(-1);
    mapBothHuge();
    long frame = context.mappedPfn(GFN, true);
    assertThat(frame).isEqualTo(context.gmemPfn(GFN, false));
    assertThat(context.mappedPfn(GFN + 511, true)).isEqualTo(frame + 511);
    assertThat(context.mappedPfn(GFN + 512, true)).isEqualTo(-1);
  }

  @Test
  void splittingToALevelTakesPrivateAndSharedLeavesAndNoOthers() {
    mapBothHuge();
    assertThat(context.mapPage(first(), BASE + M, true)).isEqualTo(Errno.OK);
    final long frame = context.mappedPfn(GFN + 7, true);
    context.mmuLock().lock();
    assertThat(context.splitTo(GFN + 7, PageLevel.PG_4K)).isEqualTo(Errno.OK);
    assertThat(context.splitTo(GFN + 3 * 512, PageLevel.PG_4K)).isEqualTo(Errno.OK);
    context.mmuLock().unlock();
    assertThat(context.mappedLevel(GFN, true)).isEqualTo(PageLevel.PG_4K);
    assertThat(context.mappedPfn(GFN + 7, true)).isEqualTo(frame);
    assertThat(context.mappedLevel(GFN + 3 * 512, false)).isEqualTo(PageLevel.PG_4K);
    assertThat(context.mappedLevel(GFN + 512, true)).isEqualTo(PageLevel.PG_2M);
  }

  @Test
  void splittingARangeSplitsTheLeavesThatItsEndsCut() {
    mapBothHuge();
    assertThat(context.mapPage(first(), BASE + M, true)).isEqualTo(Errno.OK);
    context.mmuLock().lock();
    assertThat(context.splitRange(GFN, GFN + 512 + 1)).isEqualTo(Errno.OK);
    context.mmuLock().unlock();
    assertThat(context.mappedLevel(GFN, true)).isEqualTo(PageLevel.PG_2M);
    assertThat(context.mappedLevel(GFN + 512, true)).isEqualTo(PageLevel.PG_4K);
  }

  @Test
  void zappingARangeTakesBothKindsAndFlushesIfThereWasOne() {
    mapBothHuge();
    var _ = p.guestRun(vcpu, new GuestAction.Read(BASE));
    assertThat(vcpu().flushPending()).isFalse();
    context.mmuLock().lock();
    context.zapRange(GFN + 1024, GFN + 1025);
    assertThat(vcpu().flushPending()).as("nothing was there").isFalse();
    context.zapRange(GFN + 5, GFN + 6);
    assertThat(vcpu().flushPending()).isTrue();
    context.zapRange(GFN + 3 * 512, GFN + 4 * 512);
    context.mmuLock().unlock();
    assertThat(context.mappedLevel(GFN, true)).isNull();
    assertThat(context.mappedLevel(GFN + 3 * 512, false)).isNull();
  }

  @Test
  void attributesAreToldByPageAndByRange() {
    assertThat(context.isPrivate(GFN)).isTrue();
    assertThat(context.isPrivate(GFN + 1023)).isTrue();
    assertThat(context.isPrivate(GFN + 1024)).isFalse();
    assertThat(context.rangeIs(GFN, GFN + 1024, true)).isTrue();
    assertThat(context.rangeIs(GFN, GFN + 1025, true)).isFalse();
    assertThat(context.rangeIs(GFN, GFN + 1024, false)).isFalse();
    assertThat(context.rangeIs(GFN + 1024, GFN + 2048, false)).isTrue();
    assertThat(context.rangeIs(GFN + 1023, GFN + 2048, false)).isFalse();
  }

  @Test
  void slotsAndVcpusAreThose() {
    assertThat(context.vcpus()).hasSize(1);
    assertThat(context.slots()).hasSize(1);
    assertThat(context.slots().getFirst().baseGfn()).isEqualTo(GFN);
    assertThat(context.slotOf(GFN + 2047)).isNotNull();
    assertThat(context.slotOf(GFN + 2048)).isNull();
    assertThat(context.slotOf(GFN - 1)).isNull();
    assertThat(context.type().number()).isEqualTo(5);
    assertThat(context.host()).isSameAs(kvm);
    assertThat(context.exitHypercalls()).isZero();
    assertThat(p.enableCap(vm, 201, 0, 1 << 12)).isZero();
    assertThat(context.exitHypercalls()).isEqualTo(1 << 12);
  }

  @Test
  void aPinKeepsTheFrameUntilItIsGivenUp() {
    long pfn = context.pinUserPage(HVA);
    assertThat(pfn).isPositive();
    assertThat(p.madvise(HVA, 4 * M, 4)).isZero();
    assertThat(kvm.memory().isFree(pfn)).isFalse();
    context.unpinUserPage(pfn);
    assertThat(kvm.memory().isFree(pfn)).isTrue();
    assertThat(context.pinUserPage(ELSEWHERE)).isEqualTo(-Errno.EFAULT.number());
  }

  @Test
  void populateTakesWholeFoliosWhereTheyFitAndPagesElsewhere() {
    int[] orders = new int[4];
    long[] gfns = new long[4];
    int[] calls = {0};
    context.slotsLock().lock();
    long done =
        context.populate(
            GFN + 511,
            HVA,
            514,
            (gfn, pfn, source, order) -> {
              orders[calls[0]] = order;
              gfns[calls[0]++] = gfn;
              assertThat(source).isEqualTo(HVA + ((gfn - GFN - 511) << 12));
              assertThat(pfn).isEqualTo(context.gmemPfn(gfn, false));
              return Errno.OK;
            });
    assertThat(done)
        .as("a page, a folio of 2 MiB, and the page behind it is shared")
        .isEqualTo(513);
    assertThat(calls[0]).isEqualTo(2);
    assertThat(Arrays.copyOf(orders, 2)).containsExactly(0, 9);
    assertThat(Arrays.copyOf(gfns, 2)).containsExactly(GFN + 511, GFN + 512);
    assertThat(context.populate(GFN + 1024, HVA, 1, (_, _, _, _) -> Errno.OK))
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(context.populate(GFN, HVA, 0, (_, _, _, _) -> Errno.OK))
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(context.populate(GFN, HVA + 1, 1, (_, _, _, _) -> Errno.OK))
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(context.populate(GFN, 0, 1, (_, _, source, _) -> source == 0 ? Errno.OK : Errno.EIO))
        .isEqualTo(1);
    assertThat(context.populate(GFN, ELSEWHERE, 1, (_, _, _, _) -> Errno.OK))
        .isEqualTo(-Errno.EFAULT.number());
    assertThat(context.populate(GFN, HVA, 1, (_, _, _, _) -> Errno.EIO))
        .isEqualTo(-Errno.EIO.number());
    assertThat(context.populate(GFN - 1, HVA, 1, (_, _, _, _) -> Errno.OK))
        .isEqualTo(-Errno.EINVAL.number());
    context.slotsLock().unlock();
  }

  @Test
  void whatTheVmmDropsOfASlotLosesItsMappingsAndNoOthers() {
    assertThat(context.mapPage(first(), BASE, true)).isEqualTo(Errno.OK);
    // Small shared pages: the mapping is too short for a huge one.
    assertThat(p.mmap(ELSEWHERE, 1 << 17, 3, 0x22, -1, 0)).isEqualTo(ELSEWHERE);
    assertThat(p.setUserMemoryRegion2(vm, 4, 0, BASE + 4 * M, 1 << 16, ELSEWHERE + 4096, 0, -1))
        .isZero();
    for (int i = 0; i < 4; i++) {
      assertThat(context.mapPage(first(), BASE + 4 * M + i * 4096L, false)).isEqualTo(Errno.OK);
    }
    assertThat(p.madvise(ELSEWHERE + 8192, 8192, 4)).isZero();
    assertThat(context.mappedLevel(GFN + 2048, false)).isEqualTo(PageLevel.PG_4K);
    assertThat(context.mappedLevel(GFN + 2049, false)).isNull();
    assertThat(context.mappedLevel(GFN + 2050, false)).isNull();
    assertThat(context.mappedLevel(GFN + 2051, false)).isEqualTo(PageLevel.PG_4K);
    // Both kinds hang under one root, and the filter of a notifier chooses roots: tdp_mmu.c,
    // tdp_mmu_root_match.
    final long frame = context.mappedPfn(GFN, true);
    assertThat(p.madvise(HVA, M, 4)).isZero();
    assertThat(context.mappedLevel(GFN, true)).isNull();
    assertThat(context.mapPage(first(), BASE, true)).isEqualTo(Errno.OK);
    assertThat(context.mappedPfn(GFN, true)).as("the file's page").isEqualTo(frame);
  }

  // virt/kvm/kvm_main.c (7.3), kvm_trylock_all_vcpus: all or none.
  @Test
  void allVcpusAreLockedOrNone() {
    final int second = (int) p.createVcpu(vm, 1);
    int third = (int) p.createVcpu(vm, 2);
    context.kvmLock().lock();
    assertThat(context.tryLockAllVcpus()).isTrue();
    for (int v : new int[] {vcpu, second, third}) {
      assertThat(Objects.requireNonNull(p.vcpu(v)).mutex().heldExclusive()).isTrue();
    }
    context.unlockAllVcpus();
    context.lockAllVcpus();
    for (int v : new int[] {vcpu, second, third}) {
      assertThat(Objects.requireNonNull(p.vcpu(v)).mutex().heldExclusive()).isTrue();
    }
    context.unlockAllVcpus();
    context.kvmLock().unlock();
    for (int v : new int[] {vcpu, second, third}) {
      assertThat(Objects.requireNonNull(p.vcpu(v)).mutex().heldExclusive()).isFalse();
    }
  }

  @Test
  void aKickAndAFlushReachEveryVcpu() {
    int second = (int) p.createVcpu(vm, 1);
    context.kickVcpus();
    for (int v : new int[] {vcpu, second}) {
      assertThat(Objects.requireNonNull(p.vcpu(v)).requests().enter())
          .as("asked to leave")
          .isFalse();
    }
    context.flushRemoteTlbs();
    for (int v : new int[] {vcpu, second}) {
      assertThat(Objects.requireNonNull(p.vcpu(v)).flushPending()).isTrue();
    }
  }

  @Test
  void everyPageThatIsMappedIsNamedOnceWithItsFrame() {
    assertThat(context.mapPage(first(), BASE, true)).isEqualTo(Errno.OK);
    assertThat(context.mapPage(first(), BASE + 3 * M, false)).isEqualTo(Errno.OK);
    long[] pages = {0, 0};
    context.eachMapped(
        true,
        (gfn, pfn) -> {
          assertThat(pfn).isEqualTo(context.mappedPfn(gfn, true));
          pages[0]++;
          pages[1] += gfn;
        });
    // Both kinds hang under one root.
    assertThat(pages[0]).isEqualTo(1024);
    assertThat(pages[1]).isEqualTo(512 * GFN + 511 * 256 + 512 * (GFN + 3 * 512) + 511 * 256);
  }

  @Test
  void whatIsLeakedStaysAllocatedUntilItIsRegained() {
    Vm it = Objects.requireNonNull(p.vm(vm));
    long pfn = context.gmemPfn(GFN, true);
    context.leak(pfn, 2, "the module kept it");
    context.leak(pfn, 1, "again");
    assertThat(it.leaks())
        .containsExactly(
            "frame 0x%x: the module kept it".formatted(pfn),
            "frame 0x%x: the module kept it".formatted(pfn + 1));
    assertThat(it.mayStay(pfn)).isTrue();
    assertThat(it.mayStay(pfn + 1)).isTrue();
    assertThat(it.mayStay(pfn + 2)).isFalse();
    assertThat(p.fallocate(fd, 3, 0, M)).isZero();
    assertThat(kvm.memory().isFree(pfn)).isFalse();
    assertThat(kvm.memory().isFree(pfn + 1)).isFalse();
    assertThat(kvm.memory().isFree(pfn + 2)).isTrue();
    context.regained(pfn);
    context.regained(pfn);
    context.regained(pfn + 2);
    assertThat(kvm.memory().isFree(pfn)).isTrue();
    assertThat(kvm.memory().isFree(pfn + 1)).isFalse();
    context.leak(it.memory().zeroPage(), 1, "mapped");
    context.leak(it.memory().zeroPage(), 1, "mapped");
    assertThat(it.leaks()).hasSize(3);
    context.regained(pfn + 1);
  }

  @Test
  void aVmWithABugIsDeadWithItsFirstReason() {
    Vm it = Objects.requireNonNull(p.vm(vm));
    assertThat(context.isDead()).isFalse();
    assertThat(it.bugText()).isNull();
    context.bug("first");
    context.bug("second");
    assertThat(context.isDead()).isTrue();
    assertThat(it.bugText()).isEqualTo("first");
    assertThat(p.guestRun(vcpu, new GuestAction.Read(BASE)).errno()).isEqualTo(Errno.EIO);
  }

  @Test
  void theVendorReachesGuestBytesAsTheGuestAndAsTheKernelDo() {
    var _ = p.guestRun(vcpu, new GuestAction.Write(BASE + 3 * M + 5, 9));
    byte[] two = {0, 0, 0};
    assertThat(context.readGuest(BASE + 3 * M + 5, two, 1, 1)).isEqualTo(Errno.OK);
    assertThat(two).containsExactly(0, 9, 0);
    assertThat(context.writeGuest(BASE + 3 * M + 6, new byte[] {1, 7}, 1, 1)).isEqualTo(Errno.OK);
    assertThat(p.hostRead(HVA + 3 * M + 6)).isEqualTo(7);
    assertThat(context.readGuest(1, two, 0, 1)).isEqualTo(Errno.EFAULT);
  }

  @Test
  void whatTheVendorAsksOfTheProcessAndTheMachine() {
    assertThat(context.lockedPagesLimit()).isEqualTo(-1);
    p.space().setMemlockLimit(3 * 4096 + 1);
    assertThat(context.lockedPagesLimit()).isEqualTo(3);
    p.space().setMemlockLimit(0);
    assertThat(context.lockedPagesLimit()).isZero();
    assertThat(context.lapicInKernel()).isFalse();
    int other = (int) p.createVm((int) p.openDevKvm(), 5);
    assertThat(p.enableCap(other, 121, 0, 24)).isZero();
    assertThat(backend.context().lapicInKernel()).isTrue();
    assertThat(context.standsStill(first(), GFN, 77)).isEqualTo(Errno.EINTR);
    long pfn = context.pinUserPageToRead(HVA);
    assertThat(pfn).isNotNegative();
    context.unpinUserPage(pfn);
    assertThat(context.pinUserPageToRead(ELSEWHERE)).isEqualTo(-Errno.EFAULT.number());
    assertThat(first().vm()).isSameAs(Objects.requireNonNull(p.vm(vm)).context());
    assertThat(first().vendorState()).isNull();
    first().setVendorState(this);
    assertThat(first().vendorState()).isSameAs(this);
  }
}
