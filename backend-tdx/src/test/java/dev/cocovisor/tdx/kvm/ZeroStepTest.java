package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.M2;
import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.junit.jupiter.api.Test;

/** The module's zero-step guard, and what KVM does to keep it quiet. */
class ZeroStepTest {
  private static RunResult memoryFault(long gpa) {
    Exit exit = new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, gpa, 4096);
    return new RunResult(Errno.EFAULT, exit);
  }

  @Test
  void theGuardsViolationIsHandledAtItsOwnAddress() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(0, PageLevel.PG_4K)).isZero();
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    ok(h.attributes(M2, 0x1000, false));
    for (int i = 0; i < 8; i++) {
      assertThat(h.run(new GuestAction.Read(M2))).isEqualTo(memoryFault(M2));
    }
    // The guard is armed: whatever the guest would do next, the host hears of that address first.
    assertThat(h.run(new GuestAction.Read(0))).isEqualTo(memoryFault(M2));
    ok(h.attributes(M2, 0x1000, true));
    // Mapped again, but not accepted: the guard lets nobody in, and the run ends as by a signal.
    RunResult r = h.run(new GuestAction.Read(0));
    assertThat(r.errno()).isEqualTo(Errno.EINTR);
    assertThat(h.vm().isDead()).isFalse();
  }

  @Test
  void aGuestThatDoesSomethingElseIsNotStepped() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    ok(h.attributes(M2, 0x1000, false));
    for (int i = 0; i < 8; i++) {
      GuestAction other = i % 2 == 0 ? new GuestAction.Read(M2) : new GuestAction.Write(M2, 1);
      assertThat(h.run(other)).isEqualTo(memoryFault(M2));
    }
    assertThat(h.accept(0, PageLevel.PG_4K)).isZero();
    h.write(0, 3);
    assertThat(h.read(0)).isEqualTo(3);
  }

  @Test
  void aBusyModuleDoesNotArmTheGuard() {
    TdxHost h = TdxHost.running("upstream");
    TrustedFault busy = TrustedFault.at(TrustedOperation.MAP, TrustedFault.How.BUSY, 30);
    assertThat(h.platform.plan(busy)).isEqualTo(Errno.OK);
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    h.write(M2, 3);
    assertThat(h.read(M2)).isEqualTo(3);
    // Accept: in, violation, 31 times AUG without going in, in again.
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isEqualTo(31);
    assertThat(h.count(SeamCall.VP_ENTER)).isEqualTo(4);
  }
}
