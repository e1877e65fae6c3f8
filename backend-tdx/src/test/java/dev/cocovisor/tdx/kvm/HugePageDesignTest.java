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
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.tdx.guest.LinuxGuest;
import dev.cocovisor.tdx.guest.TouchFirstGuest;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Mrtd;
import dev.cocovisor.tdx.module.td.Td;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The paragraphs of the TDX huge page RFC's design section, each as a scenario on a whole host. */
class HugePageDesignTest {
  private static TdxHost withHugePage(String policy) {
    TdxHost h = TdxHost.running(policy);
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    assertThat(h.pages2m()).isEqualTo(1);
    h.seamcalls.clear();
    return h;
  }

  @Test
  void buildTimeMapsSmallPagesOutOfLargeFolios() {
    TdxHost h = TdxHost.building("rfc-v1");
    Fields region =
        new Fields()
            .put("flags", 1)
            .put("source_addr", TdxHost.USER)
            .put("gpa", M2)
            .put("nr_pages", 512);
    ok(h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", region));
    assertThat(h.pages4k()).isEqualTo(512);
    assertThat(h.count(SeamCall.MEM_PAGE_ADD)).isEqualTo(512);
    assertThat(h.count(SeamCall.MR_EXTEND)).isEqualTo(512 * 16);
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isZero();
    h.check();
  }

  @Test
  void theMeasurementIsTheOneOfASinglePassBuild() {
    TdxHost h = TdxHost.building("upstream");
    ok(h.process.hostWrite(TdxHost.USER + 4097, 0x5a));
    Fields measured =
        new Fields()
            .put("flags", 1)
            .put("source_addr", TdxHost.USER)
            .put("gpa", 0)
            .put("nr_pages", 2);
    ok(h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", measured));
    Fields unmeasured =
        new Fields()
            .put("flags", 0)
            .put("source_addr", TdxHost.USER)
            .put("gpa", 0x5000)
            .put("nr_pages", 1);
    ok(h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", unmeasured));
    ok(h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields()));
    Mrtd expected = new Mrtd();
    byte[] page = new byte[4096];
    for (int p = 0; p < 2; p++) {
      page[1] = (byte) (p == 1 ? 0x5a : 0);
      expected.pageAdd(p * 4096L);
      for (int at = 0; at < 4096; at += Mrtd.CHUNK) {
        expected.extend(p * 4096L + at, page, at);
      }
    }
    expected.pageAdd(0x5000);
    assertThat(h.td().mrtd()).isEqualTo(expected.value());
  }

  @Test
  void runTimeMapsALargePageByOneAug() {
    TdxHost h = TdxHost.running("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isEqualTo(1);
    assertThat(h.pages2m()).isEqualTo(1);
    h.write(M2 + 12345, 9);
    assertThat(h.read(M2 + 12345)).isEqualTo(9);
  }

  @Test
  void convertingOnePageBlocksTracksAndDemotesInThatOrder() {
    TdxHost h = withHugePage("rfc-v1");
    h.write(M2, 1);
    h.write(M2 + 0x1ff000, 2);
    h.seamcalls.clear();
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    h.check();
    assertThat(h.seamcalls)
        .containsExactly(
            "TDH.MEM.RANGE.BLOCK",
            "TDH.MEM.TRACK",
            "kick",
            "TDH.MEM.PAGE.DEMOTE",
            "TDH.MEM.RANGE.BLOCK",
            "TDH.MEM.TRACK",
            "kick",
            "TDH.MEM.PAGE.REMOVE",
            "TDH.PHYMEM.PAGE.WBINVD");
    assertThat(h.pages4k()).isEqualTo(511);
    assertThat(h.pages2m()).isZero();
    assertThat(h.read(M2)).isEqualTo(1);
    assertThat(h.read(M2 + 0x1ff000)).isEqualTo(2);
    h.write(SHARED | (M2 + 0x1000), 3);
    assertThat(h.process.hostRead(TdxHost.USER + M2 + 0x1000)).isEqualTo(3);
  }

  @Test
  void convertingBackNeverPromotesForEitherKindOfGuest() {
    TdxHost linux = withHugePage("rfc-v1");
    ok(linux.attributes(M2 + 0x1000, 0x1000, false));
    ok(linux.attributes(M2 + 0x1000, 0x1000, true));
    LinuxGuest guest = new LinuxGuest(linux::run);
    assertThat(guest.accept(M2 + 0x1000, M2 + 0x2000)).isTrue();
    assertThat(linux.pages4k()).isEqualTo(512);

    TdxHost other = TdxHost.runningWithVe("rfc-v1");
    assertThat(other.accept(M2, PageLevel.PG_2M)).isZero();
    ok(other.attributes(M2 + 0x1000, 0x1000, false));
    ok(other.attributes(M2 + 0x1000, 0x1000, true));
    TouchFirstGuest touches = new TouchFirstGuest(other::run, PageLevel.PG_4K);
    assertThat(touches.store(M2 + 0x1000, 8).exit()).isInstanceOf(Exit.Hlt.class);
    assertThat(other.read(M2 + 0x1000)).isEqualTo(8);
    assertThat(other.pages4k()).isEqualTo(512);
    assertThat(other.count(SeamCall.MEM_PAGE_PROMOTE)).isZero();
  }

  @Test
  void aLinuxGuestFallsBackFromSizeToSize() {
    TdxHost h = TdxHost.running("upstream");
    LinuxGuest guest = new LinuxGuest(h::run);
    assertThat(guest.accept(M2, M2 + 0x3000)).isTrue();
    assertThat(guest.calls()).isEqualTo(3);
    assertThat(guest.accept(2 * M2, 3 * M2)).isTrue();
    assertThat(guest.calls()).isEqualTo(3 + 1 + 512);
    assertThat(h.pages4k()).isEqualTo(515);
  }

  @Test
  void aHoleSplitsWhatItCutsBeforeItZaps() {
    TdxHost h = withHugePage("rfc-v1");
    int punchKeepSize = 3;
    ok(h.process.fallocate(h.gmem, punchKeepSize, M2 + 0x100000, 0x1000));
    h.check();
    assertThat(h.pages4k()).isEqualTo(511);
    assertThat(h.seamcalls.indexOf("TDH.MEM.PAGE.DEMOTE"))
        .isLessThan(h.seamcalls.indexOf("TDH.MEM.PAGE.REMOVE"));
  }

  @Test
  void teardownSplitsNothingAndGivesEveryFrameBack() {
    TdxHost h = withHugePage("rfc-v1");
    assertThat(h.accept(2 * M2, PageLevel.PG_2M)).isZero();
    h.close();
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore);
  }

  @Test
  void theLaterOfTwoAcceptsAtDifferentLevelsLearnsThatThePageIsAccepted() {
    TdxHost h = withHugePage("rfc-v1");
    assertThat(h.accept(M2 + 0x5000, PageLevel.PG_4K))
        .isEqualTo(SeamStatus.PAGE_ALREADY_ACCEPTED.with(1));
  }

  @Test
  void withoutALevelToGoByASmallAcceptViolatesForEverUnderTheRfcAndSplitsUnderV3() {
    GuestAction accept = dev.cocovisor.tdx.guest.TdCalls.accept(M2, PageLevel.PG_4K);
    TdxHost rfc = TdxHost.runningWithVe("rfc-v1");
    assertThat(rfc.run(new GuestAction.Write(M2, 1)).exit().name()).isEqualTo("GUEST_VE");
    assertThat(rfc.pages2m()).isEqualTo(1);
    assertThat(rfc.run(accept).errno()).isEqualTo(Errno.EINTR);
    assertThat(rfc.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();

    TdxHost v3 = TdxHost.runningWithVe("v3");
    assertThat(v3.run(new GuestAction.Write(M2, 1)).exit().name()).isEqualTo("GUEST_VE");
    assertThat(v3.run(accept).errno()).isEqualTo(Errno.OK);
    assertThat(v3.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(1);
    assertThat(v3.pages4k()).isEqualTo(512);
  }

  @Test
  void anInterruptedDemoteIsRepeatedUnderTheRfc() {
    TdxHost h = withHugePage("rfc-v1");
    int[] left = {3};
    h.interrupts(() -> left[0]-- > 0);
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(h.seamcalls.stream().filter(s -> s.startsWith("TDH.MEM.PAGE.DEMOTE")).toList())
        .containsExactly(
            "TDH.MEM.PAGE.DEMOTE INTERRUPTED_RESTARTABLE",
            "TDH.MEM.PAGE.DEMOTE INTERRUPTED_RESTARTABLE",
            "TDH.MEM.PAGE.DEMOTE INTERRUPTED_RESTARTABLE",
            "TDH.MEM.PAGE.DEMOTE");
  }

  @Test
  void v3SplitsWithoutBeingInterruptedOrMapsNothingHuge() {
    TdxHost v3 = withHugePage("v3");
    v3.interrupts(() -> true);
    ok(v3.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(v3.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(1);
    assertThat(v3.pages4k()).isEqualTo(511);
    TdxHost old = TdxHost.runningOnModule("v3", "yes");
    assertThat(old.accept(M2, PageLevel.PG_2M)).isEqualTo(SeamStatus.PAGE_SIZE_MISMATCH.with(1));
    assertThat(old.pages2m()).isZero();
    TdxHost rfc = TdxHost.runningOnModule("rfc-v1", "no");
    assertThat(rfc.accept(M2, PageLevel.PG_2M)).isZero();
    rfc.interrupts(() -> true);
    ok(rfc.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(rfc.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(1);
  }

  /** Takes one lock that a call of the split path needs. */
  private static boolean take(LockProbe probe, TdxHost h, String what) {
    Td td = h.td();
    long page = h.vm().context().mappedPfn(M2 >>> 12, true) << 12;
    return switch (what) {
      case "TDH.MEM.RANGE.BLOCK" -> probe.tree(td, false);
      case "TDH.MEM.TRACK" -> probe.epoch(td, false);
      default -> probe.pamt(page, 1, false);
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"TDH.MEM.RANGE.BLOCK", "TDH.MEM.TRACK", "TDH.MEM.PAGE.DEMOTE"})
  void aBusyCallOfTheSplitKicksTheVcpusAndIsMadeOnceMore(String call) {
    TdxHost h = withHugePage("rfc-v1");
    LockProbe probe = h.platform.module().lockProbe();
    assertThat(take(probe, h, call)).isTrue();
    boolean[] released = {false};
    Runnable release =
        () -> {
          boolean nowBusy =
              h.seamcalls.stream().anyMatch(s -> s.startsWith(call + " OPERAND_BUSY"));
          if (nowBusy && !released[0]) {
            released[0] = true;
            probe.release();
          }
        };
    // The kick that follows TRACK comes before DEMOTE and must not free its lock yet.
    h.onKick.add(() -> {
      release.run();
      h.onKick.add(release);
    });
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(released[0]).isTrue();
    int busy = indexOf(h.seamcalls, call + " OPERAND_BUSY");
    assertThat(h.seamcalls.get(busy + 1)).isEqualTo("kick");
    assertThat(h.seamcalls.get(busy + 2)).isEqualTo(call);
    assertThat(h.pages4k()).isEqualTo(511);
    h.check();
  }

  private static int indexOf(List<String> all, String prefix) {
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).startsWith(prefix)) {
        return i;
      }
    }
    throw new AssertionError(prefix + " in " + all);
  }

  @Test
  void aCallThatStaysBusyIsABug() {
    TdxHost h = withHugePage("rfc-v1");
    LockProbe probe = h.platform.module().lockProbe();
    assertThat(probe.tree(h.td(), false)).isTrue();
    assertThat(h.attributes(M2 + 0x1000, 0x1000, false)).isNegative();
    assertThat(h.vm().isDead()).isTrue();
    probe.release();
  }

  @Test
  void aBusyAugSendsTheFaultBackToRetry() {
    TdxHost h = TdxHost.running("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    TdxVm vm = (TdxVm) ForwardingVmOps.unwrap(h.vm().ops());
    LockProbe probe = h.platform.module().lockProbe();
    assertThat(probe.tree(h.td(), true)).isTrue();
    long pfn = h.kvm.memory().allocate(9);
    assertThat(vm.setExternalSpte(3 * 512, PageLevel.PG_2M, pfn)).isEqualTo(Errno.EBUSY);
    probe.release();
    assertThat(h.vm().isDead()).isFalse();
    h.kvm.memory().free(pfn, 9);
  }

  @Test
  void runningOutOfMemoryInASplitLeavesEverythingAsItWas() {
    TdxHost h = withHugePage("rfc-v1");
    h.write(M2 + 0x1000, 6);
    HostMemory memory = h.kvm.memory();
    List<long[]> taken = new ArrayList<>();
    for (int order = 18; order >= 0; order -= 9) {
      for (long pfn = memory.allocate(order); pfn >= 0; pfn = memory.allocate(order)) {
        taken.add(new long[] {pfn, order});
      }
    }
    h.seamcalls.clear();
    assertThat(h.attributes(M2 + 0x1000, 0x1000, false)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(h.seamcalls).isEmpty();
    assertThat(h.pages2m()).isEqualTo(1);
    assertThat(h.vm().isPrivate((M2 >>> 12) + 1)).isTrue();
    assertThat(h.read(M2 + 0x1000)).isEqualTo(6);
    taken.forEach(t -> memory.free(t[0], (int) t[1]));
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(h.pages4k()).isEqualTo(511);
  }

  @Test
  void theHostReadsCiphertextAndGetsCleanPagesBack() {
    TdxHost h = withHugePage("rfc-v1");
    h.write(M2, 0x77);
    long pfn = h.vm().context().mappedPfn(M2 >>> 12, true);
    assertThat(h.kvm.memory().check(Accessor.HOST_KERNEL, pfn, false))
        .isEqualTo(PhysicalGuard.Verdict.CIPHER);
    int punchKeepSize = 3;
    ok(h.process.fallocate(h.gmem, punchKeepSize, M2, M2));
    assertThat(h.kvm.memory().check(Accessor.HOST_KERNEL, pfn, false))
        .isEqualTo(PhysicalGuard.Verdict.ALLOW);
    assertThat(h.kvm.memory().raw().isZero(pfn)).isTrue();
  }

  @Test
  void theThreePoliciesCostWhatTheyCost() {
    StringBuilder table =
        new StringBuilder("policy    AUG  BLOCK  TRACK  DEMOTE  REMOVE  VP.ENTER\n");
    long[] augs = new long[3];
    long[] enters = new long[3];
    int i = 0;
    for (String policy : List.of("upstream", "rfc-v1", "v3")) {
      TdxHost h = TdxHost.running(policy);
      LinuxGuest guest = new LinuxGuest(h::run);
      assertThat(guest.accept(M2, 3 * M2)).isTrue();
      ok(h.attributes(M2 + 0x1000, 0x1000, false));
      ok(h.attributes(M2 + 0x1000, 0x1000, true));
      assertThat(guest.accept(M2 + 0x1000, M2 + 0x2000)).isTrue();
      augs[i] = h.count(SeamCall.MEM_PAGE_AUG);
      enters[i] = h.count(SeamCall.VP_ENTER);
      table.append(
          "%-8s %4d %6d %6d %7d %7d %9d%n"
              .formatted(
                  policy,
                  augs[i],
                  h.count(SeamCall.MEM_RANGE_BLOCK),
                  h.count(SeamCall.MEM_TRACK),
                  h.count(SeamCall.MEM_PAGE_DEMOTE),
                  h.count(SeamCall.MEM_PAGE_REMOVE),
                  enters[i]));
      boolean huge = !policy.equals("upstream");
      assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(huge ? 1 : 0);
      assertThat(h.count(SeamCall.MEM_PAGE_REMOVE)).isEqualTo(1);
      i++;
    }
    System.out.print(table);
    assertThat(augs).containsExactly(1025, 3, 3);
    assertThat(enters[0]).isGreaterThan(100 * enters[1]);
  }

  /** Takes all frames but one, asks for a conversion, and gives the frames back. */
  private static long convertWithOneFrame(TdxHost h, long gpa, long size) {
    HostMemory memory = h.kvm.memory();
    List<long[]> taken = new ArrayList<>();
    for (int order = 18; order >= 0; order -= 9) {
      for (long pfn = memory.allocate(order); pfn >= 0; pfn = memory.allocate(order)) {
        taken.add(new long[] {pfn, order});
      }
    }
    memory.free(taken.removeLast()[0], 0);
    long result = h.attributes(gpa, size, false);
    taken.forEach(block -> memory.free(block[0], (int) block[1]));
    return result;
  }

  /** A huge page at the end of the first slot and one at the beginning of the second. */
  private static TdxHost hugeAcrossSlots(String splitOrder) {
    TdxHost h = TdxHost.withTwoSlots(splitOrder);
    assertThat(h.accept(h.size - M2, PageLevel.PG_2M)).isZero();
    assertThat(h.accept(h.size, PageLevel.PG_2M)).isZero();
    return h;
  }

  @Test
  void theSecondRangesSplitRunsOutOfMemoryAfterTheFirstWasSplitAndZapped() {
    TdxHost h = hugeAcrossSlots("by-range");
    h.write(h.size - M2, 7);
    long end = h.size + 0x1000;
    assertThat(convertWithOneFrame(h, h.size - 0x1000, 0x2000)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(h.pages4k()).isEqualTo(511);
    assertThat(h.pages2m()).isEqualTo(1);
    // The attributes are what they were, so the guest's page comes back, to be accepted again.
    assertThat(h.vm().context().isPrivate((h.size - 0x1000) >>> 12)).isTrue();
    assertThat(h.read(h.size - M2)).isEqualTo(7);
    assertThat(h.accept(h.size - 0x1000, PageLevel.PG_4K)).isZero();
    ok(h.attributes(h.size - 0x1000, 0x2000, false));
    assertThat(h.pages4k()).isEqualTo(511 + 511);
    assertThat(h.vm().context().isPrivate((end - 1) >>> 12)).isFalse();
    h.check();
  }

  @Test
  void whereAllAreSplitFirstNothingIsZappedWhenMemoryRunsOut() {
    TdxHost h = hugeAcrossSlots("all-first");
    assertThat(convertWithOneFrame(h, h.size - 0x1000, 0x2000)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(h.pages4k()).isEqualTo(512);
    assertThat(h.pages2m()).isEqualTo(1);
    ok(h.attributes(h.size - 0x1000, 0x2000, false));
    assertThat(h.pages4k()).isEqualTo(511 + 511);
    h.check();
  }

  @Test
  void whatTheHostFindsInAPageThatLeftATdIsTheProcessorsMatter() {
    for (boolean cleared : new boolean[] {true, false}) {
      TdxHost h = TdxHost.runningOn("upstream", cleared);
      assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
      h.write(M2, 0x5a);
      long pfn = h.vm().context().mappedPfn(M2 >>> 12, true);
      ok(h.attributes(M2, 0x1000, false));
      byte[] found = new byte[1];
      assertThat(h.kvm.memory().read(Accessor.HOST_KERNEL, pfn << 12, found, 0, 1).ok()).isTrue();
      assertThat(found[0] == 0).isEqualTo(cleared);
      assertThat(found[0]).isNotEqualTo((byte) 0x5a);
    }
  }
}
