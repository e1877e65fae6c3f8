package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.M2;
import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What KVM does when the module fails, at every kind of call. */
class PlannedFaultsTest {
  private static final long EIO = -Errno.EIO.number();

  private static void plan(TdxHost h, TrustedOperation at, How how, int times) {
    assertThat(h.platform.plan(TrustedFault.at(at, how, times))).isEqualTo(Errno.OK);
  }

  private static long populate(TdxHost h, long gpa) {
    Fields region =
        new Fields()
            .put("flags", 0)
            .put("source_addr", TdxHost.USER)
            .put("gpa", gpa)
            .put("nr_pages", 1);
    return h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", region);
  }

  private static long finish(TdxHost h) {
    return h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields());
  }

  private static long another(TdxHost h) {
    int fd = (int) ok(h.process.createVm(h.dev, h.driver.vmType()));
    return h.driver.vmCreated(new VmmMachine(h.process, fd, new Fields()));
  }

  private static void dead(TdxHost h, String call) {
    assertThat(h.vm().isDead()).isTrue();
    assertThat(h.vm().bugText()).startsWith(call);
  }

  @Test
  void aTdThatTheModuleDoesNotCreateIsTheHostsBug() {
    TdxHost h = TdxHost.building("upstream");
    plan(h, TrustedOperation.CREATE, How.BUSY, 1);
    assertThat(another(h)).isEqualTo(EIO);
    assertThat(h.vm().isDead()).isFalse();
    plan(h, TrustedOperation.CREATE, How.REFUSED, 1);
    assertThat(another(h)).isEqualTo(EIO);
    ok(another(h));
  }

  @Test
  void whatWasMadeOfATdGoesWhereItCannotBeFinished() {
    TdxHost h = TdxHost.building("upstream");
    long frames = h.kvm.memory().allocatedFrames();
    for (String call : new String[] {"TDH.MNG.KEY.CONFIG", "TDH.MNG.ADDCX"}) {
      assertThat(h.platform.plan(TrustedFault.ofCall(call, How.REFUSED, 1))).isEqualTo(Errno.OK);
      assertThat(another(h)).isEqualTo(EIO);
      assertThat(h.kvm.memory().allocatedFrames()).as(call).isEqualTo(frames);
    }
    assertThat(h.platform.plan(TrustedFault.ofCall("TDH.MNG.INIT", How.REFUSED, 1)).ok()).isTrue();
    int fd = (int) ok(h.process.createVm(h.dev, h.driver.vmType()));
    Fields leaf = new Fields().put("function", 0x80000008L).put("eax", 48 << 16);
    VendorCommand init =
        new VendorCommand(
            "KVM_TDX_INIT_VM",
            new Fields().put("attributes", 0).putAny("cpuid", java.util.List.of(leaf)));
    assertThat(h.process.memoryEncryptOp(fd, init)).isEqualTo(-Errno.EINVAL.number());
    assertThat(init.out().number("hw_error")).isEqualTo(0xc000010000000002L);
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(frames);
    // The user's mistake, not the host's: the same VM can be tried again.
    ok(h.process.memoryEncryptOp(fd, new VendorCommand("KVM_TDX_INIT_VM", init.in())));
  }

  @Test
  void aVcpuThatTheModuleDoesNotTakeIsTheHostsBug() {
    TdxHost h = TdxHost.building("upstream");
    int vcpu = (int) ok(h.process.createVcpu(h.vmFd, 5));
    plan(h, TrustedOperation.VCPU, How.REFUSED, 1);
    assertThat(h.command(vcpu, "KVM_TDX_INIT_VCPU", new Fields())).isEqualTo(EIO);
    dead(h, "TDH.VP.CREATE");
  }

  @Test
  void aBusyTableOrPageIsTriedAgainWhileTheTdIsBuilt() {
    TdxHost h = TdxHost.building("upstream");
    plan(h, TrustedOperation.LINK, How.BUSY, 2);
    ok(populate(h, 0));
    plan(h, TrustedOperation.POPULATE, How.BUSY, 3);
    ok(populate(h, 0x1000));
    assertThat(h.count(SeamCall.MEM_PAGE_ADD)).isEqualTo(2 + 3);
    assertThat(h.pages4k()).isEqualTo(2);
    h.check();
  }

  @Test
  void aTableThatIsRefusedIsTheHostsBug() {
    TdxHost h = TdxHost.building("upstream");
    plan(h, TrustedOperation.LINK, How.REFUSED, 1);
    assertThat(populate(h, 0)).isEqualTo(EIO);
    dead(h, "TDH.MEM.SEPT.ADD");
  }

  @Test
  void aPageThatIsNotAddedIsTheHostsBug() {
    TdxHost h = TdxHost.building("upstream");
    plan(h, TrustedOperation.POPULATE, How.REFUSED, 1);
    assertThat(populate(h, 0)).isEqualTo(EIO);
    dead(h, "TDH.MEM.PAGE.ADD");
  }

  @Test
  void aBusyPageIsTriedAgainBeforeTheGuestIsEnteredAgain() {
    TdxHost h = TdxHost.running("upstream");
    plan(h, TrustedOperation.MAP, How.BUSY, 10);
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isEqualTo(11);
    assertThat(h.count(SeamCall.VP_ENTER)).isEqualTo(2);
  }

  @Test
  void aPageThatIsNotMappedIsTheHostsBug() {
    TdxHost h = TdxHost.running("upstream");
    plan(h, TrustedOperation.MAP, How.REFUSED, 1);
    assertThat(h.run(new GuestAction.Read(M2)).errno()).isEqualTo(Errno.EIO);
    dead(h, "TDH.MEM.PAGE.AUG");
  }

  @Test
  void aZapThatIsBusyOnceSucceedsWithoutVcpusAndTwiceIsABug() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    plan(h, TrustedOperation.UNMAP, How.BUSY, 1);
    ok(h.attributes(M2, 0x1000, false));
    assertThat(h.pages4k()).isZero();
    ok(h.attributes(M2, 0x1000, true));
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    plan(h, TrustedOperation.UNMAP, How.BUSY, 2);
    long unused = h.attributes(M2, 0x1000, false);
    dead(h, "TDH.MEM.RANGE.BLOCK");
    assertThat(unused).isLessThanOrEqualTo(0);
  }

  @Test
  void trackingThatIsBusyOnceSucceedsAndRefusedIsABug() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    plan(h, TrustedOperation.TRACK, How.BUSY, 1);
    ok(h.attributes(M2, 0x1000, false));
    ok(h.attributes(M2, 0x1000, true));
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    plan(h, TrustedOperation.TRACK, How.REFUSED, 1);
    long unused = h.attributes(M2, 0x1000, false);
    dead(h, "TDH.MEM.TRACK");
    assertThat(unused).isLessThanOrEqualTo(0);
  }

  @Test
  void anInterruptedSplitIsRepeatedUnderTheRfc() {
    TdxHost h = TdxHost.running("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    plan(h, TrustedOperation.SPLIT, How.INTERRUPTED, 3);
    ok(h.attributes(M2, 0x1000, false));
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(4);
    assertThat(h.pages4k()).isEqualTo(511);
    h.check();
  }

  @Test
  void theEndOfTheBuildIsBusyForAWhileAndRefusedForGood() {
    TdxHost h = TdxHost.building("upstream");
    plan(h, TrustedOperation.FINALIZE, How.BUSY, 1);
    assertThat(finish(h)).isEqualTo(-Errno.EBUSY.number());
    assertThat(h.vm().isDead()).isFalse();
    plan(h, TrustedOperation.FINALIZE, How.REFUSED, 1);
    assertThat(finish(h)).isEqualTo(EIO);
    dead(h, "TDH.MR.FINALIZE");
    assertThat(finish(h)).isEqualTo(EIO);
  }

  @Test
  void anEntryThatIsBusyPassesAndOneThatIsRefusedEndsTheRun() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    plan(h, TrustedOperation.ENTER, How.BUSY, 200);
    assertThat(h.read(M2)).isZero();
    plan(h, TrustedOperation.ENTER, How.REFUSED, 1);
    RunResult r = h.run(new GuestAction.Read(M2));
    assertThat(r).isEqualTo(RunResult.ok(new Exit.KvmInternalError(4)));
    assertThat(h.vm().isDead()).isFalse();
    assertThat(h.read(M2)).isZero();
  }

  @Test
  void aPageThatIsNotReclaimedIsLostAndNothingElse() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    TrustedFault fault = TrustedFault.ofCall("TDH.PHYMEM.PAGE.RECLAIM", How.REFUSED, 1);
    assertThat(h.platform.plan(fault)).isEqualTo(Errno.OK);
    h.close();
    // The page itself, and the TDR, which cannot go while one of its pages is there.
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore + 2);
  }

  @Test
  void aKeyThatIsNotFreedCostsEveryControlPage() {
    TdxHost h = TdxHost.running("upstream");
    TrustedFault fault = TrustedFault.ofCall("TDH.MNG.KEY.FREEID", How.REFUSED, 1);
    assertThat(h.platform.plan(fault)).isEqualTo(Errno.OK);
    h.close();
    // TDR and 6 TDCX; two vCPUs of 6 pages.
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore + 7 + 12);
  }

  @ParameterizedTest
  @EnumSource(
      value = TrustedOperation.class,
      names = {"MERGE", "OTHER"},
      mode = EnumSource.Mode.EXCLUDE)
  void everyKindOfCallCanBeBusyAndRefused(TrustedOperation at) {
    TdxHost h = TdxHost.building("upstream");
    plan(h, at, How.BUSY, 1);
    plan(h, at, How.REFUSED, 1);
    boolean interruptible = at == TrustedOperation.SPLIT || at == TrustedOperation.RECLAIM;
    assertThat(h.platform.plan(TrustedFault.at(at, How.INTERRUPTED, 1)))
        .isEqualTo(interruptible ? Errno.OK : Errno.EOPNOTSUPP);
  }
}
