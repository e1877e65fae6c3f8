package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The direct root, seen through the system calls and the counters. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class TdpMmuTest {
  private static final long BASE = 1L << 30;
  private static final long M = 2L << 20;
  private static final long HVA = 0x7f60_0000_0000L;

  private final Kvm kvm =
      new Kvm(
          HostConfig.DEFAULT
              .withSetting("core.cpus", "4")
              .withSetting("core.memory-fault-batch", "16"),
          List.of());
  private final KvmProcess process = new KvmProcess(kvm);
  private final int vm = (int) process.createVm((int) process.openDevKvm(), 1);
  private final int vcpu = (int) process.createVcpu(vm, 0);

  @AfterEach
  void nothingIsBroken() {
    assertThat(kvm.violations()).isEmpty();
  }

  private long huge(long flags) {
    process.mmap(HVA, 4 * M, 3, 0x40022, -1, 0);
    return process.setUserMemoryRegion2(vm, 1, flags, BASE, 4 * M, HVA, 0, -1);
  }

  private PageStats stats() {
    PageStats s = process.stats(vm);
    assertThat(s).isNotNull();
    return s;
  }

  private RunResultView touch(GuestAction a) {
    var r = process.guestRun(vcpu, a);
    return new RunResultView(r.errno(), r.exit());
  }

  private record RunResultView(Errno errno, Exit exit) {}

  @Test
  void dirtyLoggingSplitsAndItsEndMergesAgain() {
    huge(0);
    touch(new GuestAction.Write(BASE, 5));
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(process.setUserMemoryRegion2(vm, 1, 1, BASE, 4 * M, HVA, 0, -1)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(512, 0, 0));
    touch(new GuestAction.Read(BASE + M));
    assertThat(stats()).isEqualTo(new PageStats(513, 0, 0));
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, BASE, 4 * M, HVA, 0, -1)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(0, 2, 0));
    assertThat(touch(new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Hlt(5));
  }

  @Test
  void aConversionInsideAHugePageZapsItWholeAndTheRestComesBackSmall() {
    huge(0);
    touch(new GuestAction.Write(BASE + 4096, 5));
    process.setMemoryAttributes(vm, BASE, 4096, 8, 0);
    assertThat(stats()).isEqualTo(new PageStats(0, 0, 0));
    touch(new GuestAction.Read(BASE + 4096));
    assertThat(stats()).isEqualTo(new PageStats(1, 0, 0));
    process.setMemoryAttributes(vm, BASE, 4096, 0, 0);
    touch(new GuestAction.Read(BASE + 2 * 4096));
    assertThat(stats()).as("a table gives way to a huge leaf").isEqualTo(new PageStats(0, 1, 0));
  }

  @Test
  void aBatchReportsTheWholeRunThatMismatches() {
    huge(0);
    process.setMemoryAttributes(vm, BASE + 4096, 3 * 4096, 8, 0);
    assertThat(touch(new GuestAction.Read(BASE + 2 * 4096)).exit())
        .as("no guest_memfd: nothing to convert")
        .isEqualTo(new Exit.MemoryFault(8, BASE + 2 * 4096, 4096));
  }

  @Test
  void memoryBehindAHoleReadsZeroThoughItsFrameWasWritten() {
    process.mmap(HVA, M, 3, 0x22, -1, 0);
    int gmem = (int) process.createGuestMemfd(vm, M, 0);
    process.setUserMemoryRegion2(vm, 1, 4, BASE, M, HVA, 0, gmem);
    process.setMemoryAttributes(vm, BASE, M, 8, 0);
    long frames = kvm.memory().allocatedFrames();
    assertThat(touch(new GuestAction.Write(BASE, 0x5a)).errno()).isEqualTo(Errno.OK);
    assertThat(process.fallocate(gmem, 3, 0, 4096)).isZero();
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(frames);
    assertThat(touch(new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Hlt(0));
    assertThat(touch(new GuestAction.Read(BASE + 4096)).exit()).isEqualTo(new Exit.Hlt(0));
  }

  @Test
  void movingASlotTakesItsMappingsAlong() {
    huge(0);
    touch(new GuestAction.Write(BASE, 5));
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, 2 * BASE, 4 * M, HVA, 0, -1)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(0, 0, 0));
    assertThat(touch(new GuestAction.Read(2 * BASE)).exit()).isEqualTo(new Exit.Hlt(5));
    assertThat(touch(new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Mmio(BASE, 1, false));
  }

  @Test
  void aMoveOntoAnotherSlotOrPastTheEndChangesNothing() {
    huge(0);
    process.mmap(HVA + 8 * M, M, 3, 0x22, -1, 0);
    process.setUserMemoryRegion2(vm, 2, 0, 2 * BASE, M, HVA + 8 * M, 0, -1);
    touch(new GuestAction.Write(BASE, 5));
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, 2 * BASE - M, 4 * M, HVA, 0, -1))
        .isEqualTo(-Errno.EEXIST.number());
    assertThat(stats().pages2m()).isEqualTo(1);
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, 1L << 48, 4 * M, HVA, 0, -1))
        .isEqualTo(-Errno.EINVAL.number());
    assertThat(touch(new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Hlt(5));
  }

  @Test
  void readOnlySlotsReadAndEmulateStores() {
    huge(2);
    assertThat(touch(new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Hlt(0));
    assertThat(touch(new GuestAction.Write(BASE, 1)).exit())
        .isEqualTo(new Exit.Mmio(BASE, 1, true));
    assertThat(touch(new GuestAction.Fetch(BASE, false)).exit()).isEqualTo(new Exit.Hlt(0));
    assertThat(touch(new GuestAction.Fetch(1 << 13, false)).exit())
        .isEqualTo(new Exit.KvmInternalError(1));
  }

  // A fault begins at the table the last one came to, unless that was cut off meanwhile.
  @Test
  void aTableThatWasCutOffIsNotMappedInto() {
    process.mmap(HVA, 4 * M, 3, 0x22, -1, 0);
    process.setUserMemoryRegion2(vm, 1, 0, BASE, 4 * M, HVA, 0, -1);
    touch(new GuestAction.Write(BASE, 7));
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    process.setUserMemoryRegion2(vm, 1, 1, BASE, 4 * M, HVA, 0, -1);
    touch(new GuestAction.Write(BASE + 4096, 7));
    process.setUserMemoryRegion2(vm, 1, 0, BASE, 4 * M, HVA, 0, -1);
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(process.madvise(HVA, 4 * M, 15)).isZero();
    assertThat(process.madvise(HVA, 4 * M, 4)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(0, 0, 0));
    assertThat(touch(new GuestAction.Write(BASE + 8192, 1)).errno()).isEqualTo(Errno.OK);
    assertThat(stats()).isEqualTo(new PageStats(1, 0, 0));
  }

  @Test
  void aTableOfARootThatWasDroppedIsNotMappedInto() {
    int plain = (int) process.createVm((int) process.openDevKvm(), 0);
    int cpu = (int) process.createVcpu(plain, 0);
    process.mmap(HVA, 4 * M, 3, 0x22, -1, 0);
    assertThat(process.madvise(HVA, 4 * M, 15)).isZero();
    process.setUserMemoryRegion2(plain, 1, 0, BASE, 4 * M, HVA, 0, -1);
    process.guestRun(cpu, new GuestAction.Write(BASE, 1));
    assertThat(process.stats(plain)).isEqualTo(new PageStats(1, 0, 0));
    process.setUserMemoryRegion2(plain, 2, 0, 8 * BASE, M, HVA, 0, -1);
    process.setUserMemoryRegion2(plain, 2, 0, 8 * BASE, 0, HVA, 0, -1);
    assertThat(process.stats(plain))
        .as("the quirk drops everything")
        .isEqualTo(new PageStats(0, 0, 0));
    assertThat(process.guestRun(cpu, new GuestAction.Write(BASE + 4096, 1)).errno())
        .isEqualTo(Errno.OK);
    assertThat(process.stats(plain)).isEqualTo(new PageStats(1, 0, 0));
  }

  // tdp_mmu.c, make_small_spte: a small leaf allows what the huge one did.
  @Test
  void aHugePageTheProcessMayNotWriteStaysSoWhenItIsSplit() {
    huge(0);
    touch(new GuestAction.Write(BASE, 5));
    assertThat(process.mprotect(HVA, 4 * M, 1)).isZero();
    touch(new GuestAction.Read(BASE));
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(process.enableCap(vm, 168, 0, 3)).isZero();
    assertThat(process.setUserMemoryRegion2(vm, 1, 1, BASE, 4 * M, HVA, 0, -1)).isZero();
    long first =
        process.clearDirtyLog(
            vm,
            1,
            0,
            64,
            words -> {
              words[0] = 1;
              return Errno.OK;
            });
    assertThat(first).isZero();
    assertThat(stats()).isEqualTo(new PageStats(512, 0, 0));
    assertThat(process.guestRun(vcpu, new GuestAction.Write(BASE + 8192, 1)).errno())
        .isEqualTo(Errno.EFAULT);
  }

  @Test
  void vcpusFaultingTheSamePagesAgree() throws InterruptedException {
    process.mmap(HVA, 4 * M, 3, 0x22, -1, 0);
    int gmem = (int) process.createGuestMemfd(vm, 4 * M, 0);
    process.setUserMemoryRegion2(vm, 1, 4, BASE, 4 * M, HVA, 0, gmem);
    process.setMemoryAttributes(vm, BASE, 4 * M, 8, 0);
    int second = (int) process.createVcpu(vm, 1);
    CountDownLatch done = new CountDownLatch(2);
    for (int fd : new int[] {vcpu, second}) {
      Vcpu v = process.vcpu(fd);
      Thread.ofPlatform()
          .start(() -> {
            for (long off = 0; off < 4 * M; off += 4096) {
              v.touch(BASE + off, Access.WRITE, 1);
            }
            done.countDown();
          });
    }
    done.await();
    assertThat(stats().pages4k()).isEqualTo(2048);
    assertThat(process.guestMemfd(gmem).pages()).isEqualTo(2048);
  }

  @Test
  void mapMemoryDiffersFromPreFaultInItsErrors() {
    huge(0);
    Vcpu v = process.vcpu(vcpu);
    long[] range = {BASE + 4 * M - 4096, 8192};
    assertThat(process.mapMemory(vcpu, 0, range)).isZero();
    assertThat(range).containsExactly(BASE + 4 * M, 4096);
    assertThat(process.mapMemory(vcpu, 0, range)).isEqualTo(-Errno.EFAULT.number());
    assertThat(process.preFaultMemory(vcpu, 0, range)).isEqualTo(-Errno.ENOENT.number());
    v.setGuestMode(true);
    assertThat(process.mapMemory(vcpu, 0, new long[] {BASE, 4096}))
        .isEqualTo(-Errno.EOPNOTSUPP.number());
    v.setGuestMode(false);
    assertThat(process.mapMemory(vcpu, 1, new long[] {BASE, 4096}))
        .isEqualTo(-Errno.EINVAL.number());
  }

  @Test
  void theSecondRuleOfMapMemoryIgnoresGuestMode() {
    Kvm other =
        new Kvm(HostConfig.DEFAULT.withSetting("core.map-memory-guest-mode", "l1"), List.of());
    KvmProcess p = new KvmProcess(other);
    int machine = (int) p.createVm((int) p.openDevKvm(), 0);
    int cpu = (int) p.createVcpu(machine, 0);
    p.mmap(HVA, M, 3, 0x22, -1, 0);
    p.setUserMemoryRegion2(machine, 1, 0, BASE, M, HVA, 0, -1);
    p.vcpu(cpu).setGuestMode(true);
    assertThat(p.mapMemory(cpu, 0, new long[] {BASE, 4096})).isZero();
  }

  // kvm_main.c, kvm_handle_hva_range: TLBs are flushed if something was there to be taken.
  @Test
  void whatTakesNothingOutOfTheGuestFlushesNothing() {
    huge(0);
    VcpuRequests requests = process.vcpu(vcpu).requests();
    touch(new GuestAction.Read(BASE));
    assertThat(requests.flushPending()).isFalse();
    assertThat(process.munmap(HVA + 2 * M, M)).isZero();
    assertThat(requests.flushPending()).isFalse();
    assertThat(process.munmap(HVA, M)).isZero();
    assertThat(requests.flushPending()).isTrue();
  }

  // x86.c, kvm_alloc_memslot_metadata: an address and its memory that lie differently in 2 MiB.
  @Test
  void memoryThatLiesOtherwiseInItsHugePageIsMappedByPages() {
    process.mmap(HVA, 4 * M, 3, 0x40022, -1, 0);
    assertThat(process.setUserMemoryRegion2(vm, 1, 0, BASE, 2 * M, HVA + 4096, 0, -1)).isZero();
    touch(new GuestAction.Write(BASE + 5, 5));
    assertThat(stats()).isEqualTo(new PageStats(1, 0, 0));
    assertThat(process.hostRead(HVA + 4096 + 5)).isEqualTo(5);
  }
}
