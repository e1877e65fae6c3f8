package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

/** A trusted half that keeps the tables, on an arm64 host with pinned user memory. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class DelegatedHooksTest {
  private static final long BASE = 0x80000000L;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final FakeBackend backend = new FakeBackend(ops, Architecture.ARM64);
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of(backend));
  private final KvmProcess process = new KvmProcess(kvm);
  private int vm;
  private int vcpu;

  @BeforeEach
  void start() {
    doReturn(FakeBackend.DELEGATED).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), FakeBackend.ARM_TYPE);
    vcpu = (int) process.createVcpu(vm, 0);
    process.mmap(HVA, 0x10000, 3, 0x22, -1, 0);
    assertThat(process.setUserMemoryRegion2(vm, 0, 0, BASE, 0x10000, HVA, 0, -1)).isZero();
  }

  private Exit touch(GuestAction a) {
    return process.guestRun(vcpu, a).exit();
  }

  @Test
  void aFaultPinsAsksAndRemembers() {
    assertThat(touch(new GuestAction.Write(BASE + 5, 9))).isEqualTo(new Exit.Done(-1));
    verify(ops).mapDelegated(any(), eq(GFN), anyLong(), eq(PageLevel.PG_4K), eq(true), eq(true));
    assertThat(touch(new GuestAction.Read(BASE + 5))).isEqualTo(new Exit.Done(9));
    assertThat(backend.context().mappedLevel(GFN, true)).isEqualTo(PageLevel.PG_4K);
    assertThat(process.stats(vm).pages4k()).isEqualTo(1);
  }

  @Test
  void aNotifierTakesOnlyWhatTheVendorLetsGo() {
    touch(new GuestAction.Write(BASE, 1));
    doReturn(false).when(ops).notifierMayUnmap(anyLong(), anyBoolean());
    process.madvise(HVA, 4096, 4);
    verify(ops, never()).unmapDelegated(anyLong(), anyLong(), any(), anyBoolean());
    assertThat(touch(new GuestAction.Read(BASE))).isEqualTo(new Exit.Done(1));
    doReturn(true).when(ops).notifierMayUnmap(anyLong(), anyBoolean());
    process.madvise(HVA, 4096, 4);
    verify(ops).unmapDelegated(eq(GFN), anyLong(), eq(PageLevel.PG_4K), eq(true));
    assertThat(process.stats(vm).pages4k()).isZero();
  }

  @Test
  void refusalsRetryOrEndTheRun() {
    doReturn(Errno.EAGAIN, Errno.OK)
        .when(ops)
        .mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
    assertThat(touch(new GuestAction.Read(BASE))).isEqualTo(new Exit.Done(0));
    doReturn(Errno.EPERM)
        .when(ops)
        .mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
    assertThat(process.guestRun(vcpu, new GuestAction.Read(BASE + 4096)).errno())
        .isEqualTo(Errno.EPERM);
    assertThat(touch(new GuestAction.Read(0x1000))).isEqualTo(new Exit.Mmio(0x1000, 1, false));
  }

  // arch/arm64/kvm/mmu.c, pkvm_mem_abort: the pin stays with a page that was given, only.
  @Test
  void aPageTheVendorRefusesIsNotPinned() {
    touch(new GuestAction.Read(BASE));
    assertThat(process.munmap(HVA, 4096)).isZero();
    long kept = kvm.memory().allocatedFrames();
    doReturn(Errno.EPERM)
        .when(ops)
        .mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
    assertThat(process.guestRun(vcpu, new GuestAction.Read(BASE + 4096)).errno())
        .isEqualTo(Errno.EPERM);
    assertThat(process.munmap(HVA + 4096, 4096)).isZero();
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(kept);
  }

  @Test
  void whatIsNotGivenBackStaysInTheRegistry() {
    touch(new GuestAction.Write(BASE, 1));
    doReturn(Errno.EBUSY).when(ops).unmapDelegated(anyLong(), anyLong(), any(), anyBoolean());
    process.setUserMemoryRegion2(vm, 0, 0, BASE, 0, HVA, 0, -1);
    assertThat(process.stats(vm).pages4k()).isEqualTo(1);
  }

  @Test
  void teardownTakesEverythingBackBeforeItReclaims() {
    touch(new GuestAction.Write(BASE, 1));
    process.exit();
    InOrder order = inOrder(ops);
    order.verify(ops).vmPreDestroy();
    order.verify(ops).unmapDelegated(anyLong(), anyLong(), any(), anyBoolean());
    order.verify(ops).guestMemoryReclaimed();
    order.verify(ops).vmDestroy();
  }

  @Test
  void theX86IoctlsAnswerAsOnArm() {
    assertThat(process.checkExtension(vm, 236)).isZero();
    assertThat(process.checkExtension(vm, 235)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE, 4096, 8, 0)).isEqualTo(-22);
    assertThat(process.createVm(3, 0)).isPositive();
    assertThat(process.createVm(3, 77)).as("77 address bits are the VM's to judge").isPositive();
    assertThat(process.createVm(3, 0x100)).isEqualTo(-22);
  }

  // arch/arm64/kvm/mmu.c, pkvm_mem_abort (7.3): anonymous memory or shmem only, pinned to write.
  @Test
  void aPageThatCannotBeKeptIsRefusedAndNotPinned() {
    long file = 0x7f70_0000_0000L;
    final long frames = kvm.memory().allocatedFrames();
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, 2 * BASE, 4096, file, 0, -1)).isZero();
    assertThat(process.guestRun(vcpu, new GuestAction.Read(2 * BASE)).errno())
        .as("nothing is mapped there")
        .isEqualTo(Errno.EFAULT);
    assertThat(process.mmap(file, 2 << 20, 3, 0x40032, -1, 0)).isEqualTo(file);
    assertThat(process.guestRun(vcpu, new GuestAction.Read(2 * BASE)).errno())
        .as("hugetlbfs has no swap")
        .isEqualTo(Errno.EIO);
    assertThat(process.munmap(file, 2 << 20)).isZero();
    assertThat(kvm.memory().allocatedFrames()).as("no pin is left").isEqualTo(frames);
    assertThat(process.mmap(file, 4096, 1, 0x32, -1, 0)).isEqualTo(file);
    assertThat(process.guestRun(vcpu, new GuestAction.Read(2 * BASE)).errno())
        .as("the process may not write it")
        .isEqualTo(Errno.EFAULT);
    verify(ops, never())
        .mapDelegated(any(), eq(2 * GFN), anyLong(), any(), anyBoolean(), anyBoolean());
  }

  @Test
  void aStoreToAReadOnlySlotIsTheVmms() {
    doReturn(FakeBackend.DELEGATED.withReadonlySlots(true)).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), FakeBackend.ARM_TYPE);
    vcpu = (int) process.createVcpu(vm, 0);
    assertThat(process.setUserMemoryRegion2(vm, 1, 2, 2 * BASE, 4096, HVA, 0, -1)).isZero();
    assertThat(touch(new GuestAction.Write(2 * BASE, 1)))
        .isEqualTo(new Exit.Mmio(2 * BASE, 1, true));
    verify(ops, never()).prepareDelegated(any(), anyBoolean());
    verify(ops, never())
        .mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
  }

  // asm/kvm_host.h of arm64: as many vCPUs as a GICv3 serves.
  @Test
  void vcpuIdsEndWhereTheInterruptControllersDo() {
    assertThat(process.createVcpu(vm, 512)).isEqualTo(-Errno.EINVAL.number());
    assertThat(process.createVcpu(vm, 511)).isPositive();
    assertThat(process.createVcpu(vm, 511)).isEqualTo(-Errno.EEXIST.number());
  }

  @Test
  void aVmThatCannotBePreparedIsTold() {
    doReturn(Errno.ENOMEM).when(ops).prepareDelegated(any(), anyBoolean());
    assertThat(process.guestRun(vcpu, new GuestAction.Read(BASE)).errno()).isEqualTo(Errno.ENOMEM);
    verify(ops, never())
        .mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
    doReturn(Errno.OK).when(ops).prepareDelegated(any(), anyBoolean());
    assertThat(touch(new GuestAction.Read(BASE))).isEqualTo(new Exit.Done(0));
  }

  // virt/kvm/kvm_main.c (7.3), KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP: arm64's, after the rings and
  // before the slots.
  @Test
  void aBitmapBesideTheRingsComesAfterThemAndBeforeTheSlots() {
    int plain = (int) process.createVm((int) process.openDevKvm(), 0);
    assertThat(process.enableCap(plain, 225, 0, 0)).as("no rings").isEqualTo(-22);
    assertThat(process.enableCap(plain, 223, 0, 4096)).isZero();
    assertThat(process.setUserMemoryRegion2(plain, 0, 1, BASE, 0x10000, HVA, 0, -1)).isZero();
    assertThat(process.enableCap(plain, 225, 0, 0)).as("a slot is there").isEqualTo(-22);
    assertThat(process.getDirtyLog(plain, 0, HVA)).isEqualTo(-Errno.ENXIO.number());
    assertThat(process.setUserMemoryRegion2(plain, 0, 1, BASE, 0, HVA, 0, -1)).isZero();
    assertThat(process.enableCap(plain, 225, 0, 0)).isZero();
    assertThat(process.setUserMemoryRegion2(plain, 0, 1, BASE, 0x10000, HVA, 0, -1)).isZero();
    assertThat(process.getDirtyLog(plain, 0, HVA)).isZero();
  }
}
