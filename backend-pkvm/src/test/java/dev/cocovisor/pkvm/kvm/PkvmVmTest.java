package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static dev.cocovisor.pkvm.kvm.Host.err;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.hyp.PageState;
import org.junit.jupiter.api.Test;

/** KVM's half, driven by system calls. */
class PkvmVmTest {
  private static final int MADV_DONTNEED = 4;

  @Test
  void aTouchedPageIsTheGuestsAloneUntilItIsShared() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    h.process.hostWrite(RAM + 0x3000, 7);
    assertThat(g.read(GPA + 0x3000)).isEqualTo(done(7));
    assertThat(h.process.hostRead(RAM + 0x3000)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(h.process.hostWrite(RAM + 0x3000, 1)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(g.hvc(Hvc.MEM_SHARE, GPA + 0x3000)).isEqualTo(done(0));
    assertThat(h.process.hostRead(RAM + 0x3000)).isEqualTo(7);
    assertThat(g.hvc(Hvc.MEM_UNSHARE, GPA + 0x3000)).isEqualTo(done(0));
    assertThat(h.process.hostRead(RAM + 0x3000)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void sharingAnUntouchedPageGivesItFirst() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    assertThat(g.hvc(Hvc.MEM_SHARE, GPA + 0x5000)).isEqualTo(done(0));
    assertThat(h.hyp().guestState(Host.FIRST_HANDLE, (GPA >>> 12) + 5))
        .isEqualTo(PageState.SHARED_OWNED);
    assertThat(h.platform().lockedPages()).isEqualTo(1);
  }

  @Test
  void sharingWhereNoMemoryIsAbortsTheGuest() {
    Host.Guest g = new Host().guest(true);
    assertThat(g.hvc(Hvc.MEM_SHARE, 0xb000_0000L))
        .isEqualTo(RunResult.ok(new Exit.GuestAbort(0x9600_0010L)));
    assertThat(g.hvc(Hvc.MEM_UNSHARE, 0xb000_0000L)).isEqualTo(done(-3));
    assertThat(g.read(0xb000_0000L).exit()).isEqualTo(new Exit.Mmio(0xb000_0000L, 1, false));
  }

  @Test
  void aGuestBeyondItsAddressSizeTakesAnAbort() {
    Host.Guest g = new Host().guest(true);
    assertThat(g.read(1L << 44).exit()).isInstanceOf(Exit.GuestAbort.class);
  }

  @Test
  void theKernelReadingUserMemoryFailsAndTheGuestKeepsItsPage() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    g.write(GPA, 9);
    assertThat(h.process.kernelRead(RAM, 16)).isEqualTo(err(Errno.EFAULT));
    assertThat(g.read(GPA)).isEqualTo(done(9));
  }

  @Test
  void aPageTakenByForceReadsZeroAndEndsTheGuestThatTouchesIt() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    g.write(GPA, 9);
    g.write(GPA + 0x1000, 8);
    long pfn = h.hyp().guestPfn(Host.FIRST_HANDLE, GPA >>> 12);
    assertThat(h.platform().takeBack(pfn)).isTrue();
    assertThat(h.platform().takeBack(pfn)).as("handled already").isTrue();
    assertThat(h.process.hostRead(RAM)).isZero();
    assertThat(g.read(GPA).errno()).isEqualTo(Errno.EFAULT);
    assertThat(g.hvc(Hvc.MEM_SHARE, GPA)).isEqualTo(done(-3));
    assertThat(g.read(GPA + 0x1000)).isEqualTo(done(8));
    assertThat(h.violations()).isEmpty();
    g.close();
    assertThat(h.violations()).isEmpty();
    assertThat(h.platform().lockedPages()).isZero();
  }

  @Test
  void theKernelDiesOfEl2sOwnPages() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    g.read(GPA);
    long own = -1;
    for (long p = 0; p < 1 << 20 && own < 0; p++) {
      own = h.hyp().hypState(p) == PageState.OWNED ? p : -1;
    }
    assertThat(h.platform().takeBack(own)).isFalse();
  }

  @Test
  void droppingTheMappingLeavesTheGuestItsPage() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    g.write(GPA, 9);
    assertThat(h.process.madvise(RAM, 0x1000, MADV_DONTNEED)).isZero();
    assertThat(h.process.hostRead(RAM)).as("a new page").isZero();
    assertThat(g.read(GPA)).isEqualTo(done(9));
    long before = h.frames();
    g.close();
    assertThat(h.frames()).as("pinned page and EL2's pages are back").isLessThan(before);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void anOrdinaryGuestLosesADroppedPage() {
    Host h = new Host();
    Host.Guest g = h.guest(false);
    g.write(GPA, 9);
    assertThat(h.process.hostRead(RAM)).isEqualTo(9);
    h.process.madvise(RAM, 0x1000, MADV_DONTNEED);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void contentsAtTheEndAreZeroUnlessShared() {
    Host h = new Host();
    long before = h.frames();
    Host.Guest g = h.guest(true);
    g.write(GPA, 1);
    g.write(GPA + 0x1000, 2);
    g.hvc(Hvc.MEM_SHARE, GPA + 0x1000);
    g.close();
    assertThat(h.process.hostRead(RAM)).isZero();
    assertThat(h.process.hostRead(RAM + 0x1000)).isEqualTo(2);
    h.process.munmap(RAM, Host.RAM_SIZE);
    assertThat(h.frames()).as("nothing is lost").isEqualTo(before);
    assertThat(h.hyp().touchedPages()).isZero();
  }

  @Test
  void slotsOfAProtectedGuestAreFixedOnceItRan() {
    Host h = new Host();
    Host.Guest g = h.guest(true);
    assertThat(g.region(1, 2, 0xa000_0000L, 0x1000, RAM + 0x40_0000)).isEqualTo(err(Errno.EPERM));
    assertThat(g.region(1, 1, 0xa000_0000L, 0x1000, RAM + 0x40_0000)).isEqualTo(err(Errno.EPERM));
    assertThat(g.region(1, 0, 0xa000_0000L, 0x1000, RAM + 0x40_0000)).isZero();
    assertThat(g.region(1, 0, 0xa000_0000L, 0, RAM + 0x40_0000)).isZero();
    assertThat(g.region(1, 0, 0xa000_0000L, 0x1000, RAM + 0x40_0000)).isZero();
    g.write(GPA, 3);
    assertThat(g.region(1, 0, 0xa000_0000L, 0, RAM + 0x40_0000)).isEqualTo(err(Errno.EPERM));
    assertThat(g.region(1, 0, 0xa001_0000L, 0x1000, RAM + 0x40_0000)).isEqualTo(err(Errno.EPERM));
    assertThat(g.region(2, 0, 0xb000_0000L, 0x1000, RAM + 0x41_0000)).isZero();
    assertThat(g.region(0, 0, GPA, 0, RAM)).isEqualTo(err(Errno.EPERM));
    assertThat(g.read(GPA)).as("a refused delete takes nothing").isEqualTo(done(3));
    assertThat(g.region(3, 0, 1L << 44, 0x1000, RAM + 0x42_0000)).isEqualTo(err(Errno.EFAULT));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void anOrdinaryGuestsSlotsComeAndGo() {
    Host h = new Host();
    Host.Guest g = h.guest(false);
    g.write(GPA, 3);
    assertThat(g.region(0, 0, GPA, 0, RAM)).isZero();
    assertThat(g.read(GPA).exit()).isEqualTo(new Exit.Mmio(GPA, 1, false));
    assertThat(g.region(0, 2, GPA, 0x1000, RAM)).isZero();
    assertThat(g.read(GPA)).isEqualTo(done(3));
    assertThat(g.write(GPA, 4).exit()).isEqualTo(new Exit.Mmio(GPA, 1, true));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void anOrdinaryGuestIsGivenBlocksWhereTheMemoryIsHuge() {
    Host h = new Host();
    Host.Guest g = h.guest(false);
    long huge = h.hugeMemory(0x40_0000);
    assertThat(g.region(1, 0, 0xa000_0000L, 0x40_0000, huge)).isZero();
    assertThat(g.write(0xa000_5123L, 6)).isEqualTo(done(-1));
    assertThat(h.hyp().guestMappingPages(Host.FIRST_HANDLE, 0xa000_0000L >>> 12)).isEqualTo(512);
    assertThat(h.process.hostRead(huge + 0x5123)).isEqualTo(6);
    assertThat(h.violations()).isEmpty();
    assertThat(g.region(1, 0, 0xa000_0000L, 0, huge)).isZero();
    assertThat(h.hyp().guestMappingPages(Host.FIRST_HANDLE, 0xa000_0000L >>> 12)).isZero();
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void pinnedPagesAreChargedToTheLimit() {
    Host h = new Host(PkvmBackend.MEMLOCK_PAGES.name(), "1");
    Host.Guest g = h.guest(true);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    assertThat(g.read(GPA + 0x1000).errno()).isEqualTo(Errno.ENOMEM);
    assertThat(h.hyp().guestPfn(Host.FIRST_HANDLE, (GPA >>> 12) + 1)).isEqualTo(-1);
    assertThat(h.process.hostRead(RAM + 0x1000)).isZero();
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aGuestThatSharesByDefaultKeepsTheHostIn() {
    Host h = new Host(PkvmBackend.PRIVATE_BY_DEFAULT.name(), "false");
    Host.Guest g = h.guest(true);
    g.write(GPA, 5);
    assertThat(h.process.hostRead(RAM)).isEqualTo(5);
    assertThat(g.hvc(Hvc.MEM_UNSHARE, GPA)).isEqualTo(done(0));
    assertThat(h.process.hostRead(RAM)).isEqualTo(KvmProcess.SIGSEGV);
  }

  @Test
  void el2AnswersAProtectedGuestAndTheHostAnOrdinaryOne() {
    Host h = new Host();
    Host.Guest p = h.guest(true);
    assertThat(p.hvc(Hvc.FEATURES, 0)).isEqualTo(done(29));
    assertThat(p.hvc(Hvc.HYP_MEMINFO, 0)).isEqualTo(done(4096));
    assertThat(p.hvc(Hvc.HYP_MEMINFO, 1)).isEqualTo(done(-3));
    assertThat(p.hvc(Hvc.MEM_SHARE, GPA + 1)).isEqualTo(done(-3));
    assertThat(p.hvc(0xC600_0005L, 0)).isEqualTo(done(-1));
    Host.Guest n = h.guest(false);
    assertThat(n.hvc(Hvc.FEATURES, 0)).isEqualTo(done(3));
    assertThat(n.hvc(Hvc.HYP_MEMINFO, 0)).isEqualTo(done(-1));
    assertThat(n.hvc(Hvc.MEM_SHARE, GPA)).isEqualTo(done(-1));
  }

  @Test
  void severalVcpusAndGuestsRunSideBySide() {
    Host h = new Host();
    Host.Guest a = h.guest(true, 2);
    Host.Guest b = h.guest(false);
    assertThat(a.write(GPA, 1)).isEqualTo(done(-1));
    assertThat(h.process.guestRun(a.vcpus.get(1), new GuestAction.Read(GPA))).isEqualTo(done(1));
    assertThat(b.read(GPA + 0x7000)).isEqualTo(done(0));
    int late = h.vcpu(a.vm, 2);
    assertThat(h.process.guestRun(late, new GuestAction.Read(GPA)).errno())
        .as("EL2 knows the vCPUs there were at the first run")
        .isEqualTo(Errno.EINVAL);
    h.process.close(late);
    a.close();
    b.close();
    assertThat(h.hyp().touchedPages()).isZero();
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aPageOfAProtectedGuestCannotBeGivenToAnother() {
    Host h = new Host();
    Host.Guest a = h.guest(true);
    Host.Guest b = h.guest(true);
    a.write(GPA, 1);
    assertThat(b.read(GPA).errno()).isEqualTo(Errno.EPERM);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aVmThatNeverRanGivesItsHandleBack() {
    Host h = new Host();
    h.guest(true).close();
    Host.Guest g = h.guest(true);
    g.read(GPA);
    assertThat(h.hyp().guestPfn(Host.FIRST_HANDLE, GPA >>> 12)).isNotEqualTo(-1);
  }
}
