package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.M2;
import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.tdx.guest.LinuxGuest;
import dev.cocovisor.tdx.guest.TdCalls;
import dev.cocovisor.tdx.guest.TouchFirstGuest;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The edges of the RFC's design: what keeps a mapping small, what fails and what stays. */
class HugePageEdgesTest {
  private static final int PUNCH_KEEP_SIZE = 3;
  private static final long MISMATCH = SeamStatus.PAGE_SIZE_MISMATCH.with(1);

  private static TdxHost withHugePage(String policy) {
    TdxHost h = TdxHost.running(policy);
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    h.seamcalls.clear();
    return h;
  }

  // ---- guest_memfd: large folios where alignment and attributes allow

  @Test
  void oneSharedPageAmong512KeepsTheMappingSmall() {
    TdxHost h = TdxHost.running("rfc-v1");
    ok(h.attributes(M2 + 0x7000, 0x1000, false));
    assertThat(h.accept(M2, PageLevel.PG_2M)).isEqualTo(MISMATCH);
    assertThat(h.pages2m()).isZero();
    LinuxGuest guest = new LinuxGuest(h::run);
    assertThat(guest.accept(M2, M2 + 0x7000)).isTrue();
    assertThat(h.pages4k()).isEqualTo(7);
  }

  @Test
  void smallFoliosKeepTheMappingSmall() {
    TdxHost h = TdxHost.runningOnSmallFolios("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isEqualTo(MISMATCH);
    assertThat(h.pages2m()).isZero();
  }

  // ---- build time

  @Test
  void aPageBuiltSmallStaysSmallAndItsNeighboursGoLarge() {
    TdxHost h = TdxHost.building("rfc-v1");
    Fields one =
        new Fields()
            .put("flags", 1)
            .put("source_addr", TdxHost.USER)
            .put("gpa", M2)
            .put("nr_pages", 1);
    ok(h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", one));
    ok(h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields()));
    // The folio behind is 2 MiB, yet the mirror merges nothing.
    assertThat(h.accept(M2, PageLevel.PG_2M)).isEqualTo(MISMATCH);
    assertThat(h.accept(M2 + 0x1000, PageLevel.PG_4K)).isZero();
    assertThat(h.accept(2 * M2, PageLevel.PG_2M)).isZero();
    assertThat(h.pages4k()).isEqualTo(2);
    assertThat(h.pages2m()).isEqualTo(1);
  }

  // ---- run time

  @Test
  void aWholeHugePageLeavesByOneRemove() {
    TdxHost h = withHugePage("rfc-v1");
    ok(h.process.fallocate(h.gmem, PUNCH_KEEP_SIZE, M2, M2));
    h.check();
    assertThat(h.seamcalls.subList(0, 4))
        .containsExactly("TDH.MEM.RANGE.BLOCK", "TDH.MEM.TRACK", "kick", "TDH.MEM.PAGE.REMOVE");
    assertThat(h.count(SeamCall.MEM_PAGE_REMOVE)).isEqualTo(1);
    assertThat(h.count(SeamCall.PHYMEM_PAGE_WBINVD)).isEqualTo(512);
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"rfc-v1", "v3"})
  void theLevelOfTheAcceptDecidesTheSizeOfTheMapping(String policy) {
    TdxHost h = TdxHost.running(policy);
    assertThat(h.accept(M2 + 0x3000, PageLevel.PG_4K)).isZero();
    assertThat(h.pages4k()).isEqualTo(1);
    assertThat(h.accept(2 * M2, PageLevel.PG_2M)).isZero();
    assertThat(h.pages2m()).isEqualTo(1);
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();
  }

  // ---- splitting under the exclusive lock

  @Test
  void removingAMemslotSplitsNothing() {
    TdxHost h = withHugePage("rfc-v1");
    ok(h.process.setUserMemoryRegion2(h.vmFd, 0, 4, 0, 0, TdxHost.USER, 0, h.gmem));
    h.check();
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();
    assertThat(h.count(SeamCall.MEM_PAGE_REMOVE)).isEqualTo(1);
    assertThat(h.pages2m()).isZero();
  }

  @Test
  void aBusyRemoveAfterTheSplitKicksTheVcpusAndIsMadeOnceMore() {
    TdxHost h = withHugePage("rfc-v1");
    LockProbe probe = h.platform.module().lockProbe();
    long page = (h.vm().context().mappedPfn(M2 >>> 12, true) + 1) << 12;
    AtomicReference<Runnable> again = new AtomicReference<>();
    boolean[] held = {false};
    again.set(() -> {
      if (!held[0] && h.count(SeamCall.MEM_PAGE_DEMOTE) == 1) {
        held[0] = true;
        assertThat(probe.pamt(page, 0, false)).isTrue();
      } else if (held[0]) {
        probe.release();
        return;
      }
      h.onKick.add(again.get());
    });
    h.onKick.add(again.get());
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    h.check();
    assertThat(h.seamcalls)
        .containsSubsequence(
            "TDH.MEM.PAGE.DEMOTE",
            "TDH.MEM.PAGE.REMOVE OPERAND_BUSY|1",
            "kick",
            "TDH.MEM.PAGE.REMOVE");
    assertThat(h.pages4k()).isEqualTo(511);
  }

  /** Everything a failed split must leave alone. */
  private static List<String> everything(TdxHost h) {
    List<String> all = new ArrayList<>();
    all.add(h.pages4k() + " small, " + h.pages2m() + " large");
    all.add(h.td().children() + " children, epoch " + h.td().epoch());
    SeptTable root = h.td().root();
    if (root != null) {
      dump(h, root, 0, all);
    }
    for (long gfn = 0; gfn < 3 * 512; gfn++) {
      all.add("" + h.vm().isPrivate(gfn) + h.vm().context().mappedPfn(gfn, true));
    }
    return all;
  }

  private static void dump(TdxHost h, SeptTable t, long base, List<String> all) {
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
      SeptState s = SeptState.of(e);
      if (s != SeptState.FREE) {
        long gpa = base + ((long) i << (12 + 9 * t.level()));
        long hpa = e & 0x000ffffffffff000L;
        var pamt = h.platform.module().pamt(hpa);
        all.add(
            Long.toHexString(gpa)
                + " "
                + t.level()
                + " "
                + Long.toHexString(e)
                + (pamt == null ? "" : " " + pamt.sizeOf(hpa) + pamt.type(pamt.sizeOf(hpa), hpa)));
      }
      SeptTable child = t.child(i);
      if (child != null) {
        dump(h, child, base + ((long) i << (12 + 9 * t.level())), all);
      }
    }
  }

  private static List<long[]> exhaust(HostMemory memory) {
    List<long[]> taken = new ArrayList<>();
    for (int order = 18; order >= 0; order -= 9) {
      for (long pfn = memory.allocate(order); pfn >= 0; pfn = memory.allocate(order)) {
        taken.add(new long[] {pfn, order});
      }
    }
    return taken;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSplitWithoutMemoryLeavesTablesPamtMirrorAndAttributesAsTheyWere(boolean convert) {
    TdxHost h = withHugePage("rfc-v1");
    h.write(M2 + 0x1000, 6);
    List<long[]> taken = exhaust(h.kvm.memory());
    List<String> before = everything(h);
    h.seamcalls.clear();
    long r =
        convert
            ? h.attributes(M2 + 0x1000, 0x1000, false)
            : h.process.fallocate(h.gmem, PUNCH_KEEP_SIZE, M2 + 0x1000, 0x1000);
    assertThat(r).isEqualTo(-Errno.ENOMEM.number());
    assertThat(everything(h)).isEqualTo(before);
    assertThat(h.seamcalls).isEmpty();
    assertThat(h.read(M2 + 0x1000)).isEqualTo(6);
    taken.forEach(t -> h.kvm.memory().free(t[0], (int) t[1]));
    ok(
        convert
            ? h.attributes(M2 + 0x1000, 0x1000, false)
            : h.process.fallocate(h.gmem, PUNCH_KEEP_SIZE, M2 + 0x1000, 0x1000));
    assertThat(h.pages4k()).isEqualTo(511);
  }

  @Test
  void aConversionThatRunsOutOfMemoryAtItsSecondSplitZapsNothingAndCanBeRepeated() {
    for (int frames = 0; frames < 5; frames++) {
      TdxHost h = withHugePage("rfc-v1");
      assertThat(h.accept(2 * M2, PageLevel.PG_2M)).isZero();
      h.write(M2 + 0x1ff000, 1);
      h.write(2 * M2, 2);
      h.write(2 * M2 + 0x1000, 3);
      List<long[]> taken = exhaust(h.kvm.memory());
      for (int i = 0; i < frames; i++) {
        long[] last = taken.removeLast();
        assertThat(last[1]).isZero();
        h.kvm.memory().free(last[0], 0);
      }
      // It cuts both huge pages: the last page of one, the first of the other.
      long r = h.attributes(M2 + 0x1ff000, 0x2000, false);
      h.check();
      if (r < 0) {
        assertThat(r).isEqualTo(-Errno.ENOMEM.number());
        assertThat(h.count(SeamCall.MEM_PAGE_REMOVE)).as("%d frames", frames).isZero();
        assertThat(h.vm().isPrivate((M2 >>> 12) + 511)).isTrue();
        assertThat(h.read(M2 + 0x1ff000)).isEqualTo(1);
        assertThat(h.read(2 * M2)).isEqualTo(2);
      }
      taken.forEach(t -> h.kvm.memory().free(t[0], (int) t[1]));
      ok(h.attributes(M2 + 0x1ff000, 0x2000, false));
      assertThat(h.pages4k()).isEqualTo(2 * 511);
      assertThat(h.read(2 * M2 + 0x1000)).isEqualTo(3);
    }
  }

  // ---- splitting under the shared lock

  @Test
  void aSplitAskedForInAFaultIsIgnoredAndTheVcpuAsksForTheSizeThatIsThere() {
    TdxHost rfc = withHugePage("rfc-v1");
    assertThat(rfc.splitInFault(M2 >>> 12)).isEqualTo(Errno.EBUSY);
    TdxHost v3 = withHugePage("v3");
    assertThat(v3.splitInFault(M2 >>> 12)).isEqualTo(Errno.EAGAIN);
    for (TdxHost h : List.of(rfc, v3)) {
      assertThat(h.pages2m()).isEqualTo(1);
      assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isZero();
      assertThat(h.vm().isDead()).isFalse();
    }
  }

  /** Accepts as a guest that goes on until the page is its own; the statuses it was given. */
  private static void untilAccepted(TdxHost h, int vcpu, long gpa, PageLevel level) {
    for (int i = 0; i < 1_000_000; i++) {
      // Whoever holds what this call wants may wait for this very processor.
      LockSupport.parkNanos(1);
      RunResult r = h.process.guestRun(h.vcpus.get(vcpu), TdCalls.accept(gpa, level));
      if (r.exit() instanceof Exit.Hlt x && r.errno().ok()) {
        long s = x.value();
        if (s == 0 || SeamStatus.PAGE_ALREADY_ACCEPTED.is(s)) {
          return;
        }
        if (SeamStatus.PAGE_SIZE_MISMATCH.is(s)) {
          for (long at = gpa; at < gpa + level.bytes(); at += 4096) {
            untilAccepted(h, vcpu, at, PageLevel.PG_4K);
          }
          return;
        }
        assertThat(SeamStatus.OPERAND_BUSY.is(s)).as(SeamStatus.describe(s)).isTrue();
      } else {
        assertThat(r.errno())
            .as("%x at %s: %s, %s", gpa, level, r, h.vm().bugText())
            .isEqualTo(Errno.EINTR);
      }
    }
    throw new AssertionError("never accepted");
  }

  @ParameterizedTest
  @ValueSource(strings = {"upstream", "rfc-v1", "v3"})
  void concurrentAcceptsAtDifferentLevelsAllEndWithThePageAccepted(String policy)
      throws InterruptedException {
    TdxHost h = TdxHost.running(policy);
    h.quiet = true;
    int ranges = 8;
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    for (int v = 0; v < 2; v++) {
      int vcpu = v;
      threads.add(
          Thread.ofPlatform()
              .uncaughtExceptionHandler((t, e) -> failure.compareAndSet(null, e))
              .start(() -> {
                for (int i = 1; i <= ranges; i++) {
                  if (vcpu == 0) {
                    untilAccepted(h, 0, i * M2, PageLevel.PG_2M);
                  } else {
                    for (long at = i * M2; at < (i + 1) * M2; at += 0x8000) {
                      untilAccepted(h, 1, at, PageLevel.PG_4K);
                    }
                  }
                }
              }));
    }
    for (Thread t : threads) {
      t.join();
    }
    assertThat(failure.get()).isNull();
    h.quiet = false;
    assertThat(h.vm().isDead()).isFalse();
    h.check();
    for (int i = 1; i <= ranges; i++) {
      for (long at = i * M2; at < (i + 1) * M2; at += 0x10000) {
        h.write(at, i);
        assertThat(h.read(at)).isEqualTo(i);
      }
    }
  }

  // ---- a guest that accepts 2 MiB over small mappings

  @Test
  void aLinuxGuestThatIsToldOfASizeMismatchAcceptsPageByPage() {
    TdxHost h = TdxHost.running("upstream");
    ok(h.process.preFaultMemory(h.vcpus.getFirst(), 0, new long[] {M2, 0x3000}));
    LinuxGuest guest = new LinuxGuest(h::run);
    assertThat(guest.accept(M2, 2 * M2)).isTrue();
    assertThat(guest.calls()).isEqualTo(513);
    h.write(M2 + 0x5000, 4);
    assertThat(h.read(M2 + 0x5000)).isEqualTo(4);
    assertThat(h.pages4k()).isEqualTo(512);
  }

  @Test
  void aGuestThatTouchesFirstIsToldTheSameAndGoesOnAtTheSmallerSize() {
    TdxHost h = TdxHost.runningWithVe("upstream");
    ok(h.process.preFaultMemory(h.vcpus.getFirst(), 0, new long[] {M2, 0x3000}));
    RunResult large = new TouchFirstGuest(h::run, PageLevel.PG_2M).store(M2, 9);
    assertThat(large.errno().ok()).isTrue();
    assertThat(large.exit())
        .isInstanceOfSatisfying(Exit.Hlt.class, x -> assertThat(x.value()).isEqualTo(MISMATCH));
    RunResult small = new TouchFirstGuest(h::run, PageLevel.PG_4K).store(M2, 9);
    assertThat(small.exit()).isInstanceOf(Exit.Hlt.class);
    assertThat(h.read(M2)).isEqualTo(9);
    assertThat(h.vm().isDead()).isFalse();
  }

  @Test
  void aGuestThatTouchesWhatItDidNotAcceptAndGetsNoVeIsStopped() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isEqualTo(MISMATCH);
    assertThat(h.run(new GuestAction.Write(M2, 1)).errno()).isEqualTo(Errno.EIO);
    assertThat(h.vm().isDead()).isTrue();
  }
}
