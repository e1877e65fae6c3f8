package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.M2;
import static dev.cocovisor.tdx.kvm.TdxHost.SHARED;
import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.tdx.guest.TdCalls;
import org.junit.jupiter.api.Test;

/** What a guest was told, end to end: the driver judges what the module and KVM answered. */
class GuestAnswersTest {
  private static GuestAnswer answer(TdxHost h, GuestAction action) {
    return h.driver.judge(action, h.run(action));
  }

  private static GuestAction vmcall(long function, long r12) {
    return new GuestAction.Vendor(
        "tdvmcall", new Fields().put("fn", function).put("gpa", r12).put("size", 0x1000));
  }

  @Test
  void anAcceptThatSucceedsIsDone() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(answer(h, TdCalls.accept(M2, PageLevel.PG_4K))).isEqualTo(new GuestAnswer.Done(0));
    h.write(M2, 0x41);
    assertThat(answer(h, new GuestAction.Read(M2))).isEqualTo(new GuestAnswer.Done(0x41));
  }

  @Test
  void anAcceptAtAnotherSizeThanMappedIsRefused() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(answer(h, TdCalls.accept(M2, PageLevel.PG_2M)))
        .isEqualTo(new GuestAnswer.Refused(0xc0000b0b00000001L, "PAGE_SIZE_MISMATCH|1"));
  }

  @Test
  void aSecondAcceptIsNoErrorAndYetNotWhatWasAskedFor() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    assertThat(answer(h, TdCalls.accept(M2, PageLevel.PG_4K)))
        .isEqualTo(new GuestAnswer.Refused(0xb0a00000000L, "PAGE_ALREADY_ACCEPTED"));
  }

  @Test
  void aStatusOfOneIsRefusedWhoeverAnswersIt() {
    TdxHost h = TdxHost.running("upstream");
    GuestAction accept = TdCalls.accept(M2, PageLevel.PG_4K);
    assertThat(h.driver.judge(accept, RunResult.ok(new Exit.Hlt(1))))
        .isInstanceOf(GuestAnswer.Refused.class);
    GuestAction map = TdCalls.mapGpa(SHARED | M2, 0x1000);
    assertThat(answer(h, map)).isInstanceOf(GuestAnswer.AsksHost.class);
    assertThat(answer(h, new GuestAction.Resume(Errno.EAGAIN.number())))
        .isEqualTo(new GuestAnswer.Refused(1, "TDVMCALL_STATUS_RETRY"));
  }

  @Test
  void whatUserspaceMayNotAnswerFailsTheRun() {
    TdxHost h = TdxHost.running("upstream");
    for (long ret : new long[] {-Errno.EAGAIN.number(), -Errno.EINVAL.number(), 5}) {
      h.run(TdCalls.mapGpa(SHARED | M2, 0x1000));
      RunResult r = h.run(new GuestAction.Resume(ret));
      assertThat(r.errno()).isEqualTo(Errno.EINVAL);
      assertThat(r.exit()).isInstanceOf(Exit.Hypercall.class);
    }
    h.run(TdCalls.mapGpa(SHARED | M2, 0x1000));
    assertThat(answer(h, new GuestAction.Resume(0))).isEqualTo(new GuestAnswer.Done(0));
  }

  @Test
  void aFunctionTheHostDoesNotOfferIsRefusedByName() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(answer(h, vmcall(0x10005, 0)))
        .isEqualTo(
            new GuestAnswer.Refused(0x8000000000000003L, "TDVMCALL_STATUS_SUBFUNC_UNSUPPORTED"));
    assertThat(answer(h, vmcall(0x10002, M2)))
        .isEqualTo(new GuestAnswer.Refused(0x8000000000000000L, "TDVMCALL_STATUS_INVALID_OPERAND"));
  }

  @Test
  void aVirtualizationExceptionStopsTheAccess() {
    TdxHost h = TdxHost.runningWithVe("upstream");
    assertThat(answer(h, new GuestAction.Read(M2)))
        .isInstanceOfSatisfying(
            GuestAnswer.Stopped.class, s -> assertThat(s.exit().name()).isEqualTo("GUEST_VE"));
  }

  @Test
  void anAccessThatDoesNotFitTheAttributeAsksTheHost() {
    TdxHost h = TdxHost.running("upstream");
    ok(h.attributes(M2, 0x1000, false));
    assertThat(answer(h, new GuestAction.Read(M2)))
        .isEqualTo(
            new GuestAnswer.AsksHost(new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, M2, 4096)));
    assertThat(answer(h, TdCalls.accept(M2, PageLevel.PG_4K)))
        .isInstanceOf(GuestAnswer.AsksHost.class);
  }

  @Test
  void aFetchFromSharedMemoryIsBrokenHardware() {
    TdxHost h = TdxHost.running("upstream");
    RunResult r = h.run(new GuestAction.Fetch(SHARED | M2, false));
    assertThat(r.errno()).isEqualTo(Errno.EIO);
    assertThat(h.vm().isDead()).isTrue();
  }
}
