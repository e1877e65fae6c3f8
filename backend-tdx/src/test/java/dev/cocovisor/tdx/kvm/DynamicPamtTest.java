package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.tdx.guest.TdCalls;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** PAMT pages come with the first small page of 2 MiB and go with the last. */
class DynamicPamtTest {
  private static final long M2 = 2L << 20;

  private static DynamicPamt pamt(TdxHost h) {
    return Objects.requireNonNull(h.platform.pamt());
  }

  private static long tdr(TdxHost h) {
    return ((TdxVm) ForwardingVmOps.unwrap(h.vm().ops())).tdr();
  }

  private static long punch(TdxHost h, long at, long size) {
    return h.process.fallocate(h.gmem, 3, at, size);
  }

  private static <T> T withFrames(TdxHost h, int left, Supplier<T> what) {
    HostMemory memory = h.kvm.memory();
    List<long[]> taken = new ArrayList<>();
    for (int order = 18; order >= 0; order -= 9) {
      for (long pfn = memory.allocate(order); pfn >= 0; pfn = memory.allocate(order)) {
        taken.add(new long[] {pfn, order});
      }
    }
    for (int i = 0; i < left; i++) {
      memory.free(taken.removeLast()[0], 0);
    }
    T result = what.get();
    taken.forEach(block -> memory.free(block[0], (int) block[1]));
    return result;
  }

  @Test
  void onePairServesAllSmallPagesOfItsTwoMegabytes() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    long adds = h.count(SeamCall.PHYMEM_PAMT_ADD);
    for (long gpa = M2 + 0x1000; gpa < M2 + 0x40000; gpa += 0x1000) {
      assertThat(h.accept(gpa, PageLevel.PG_4K)).isZero();
    }
    assertThat(h.count(SeamCall.PHYMEM_PAMT_ADD)).isEqualTo(adds);
    ok(punch(h, M2, 0x3f000));
    assertThat(h.count(SeamCall.PHYMEM_PAMT_REMOVE)).isZero();
    ok(punch(h, M2, M2));
    assertThat(h.count(SeamCall.PHYMEM_PAMT_REMOVE)).isEqualTo(1);
    h.check();
    h.close();
    assertThat(pamt(h).pages()).isZero();
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore);
  }

  @Test
  void aHugePageNeedsNoneBeforeItIsSplit() {
    TdxHost h = TdxHost.withDynamicPamt("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    long adds = h.count(SeamCall.PHYMEM_PAMT_ADD);
    long before = pamt(h).pages();
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(h.count(SeamCall.MEM_PAGE_DEMOTE)).isEqualTo(1);
    assertThat(h.count(SeamCall.PHYMEM_PAMT_ADD)).as("it comes with the call").isEqualTo(adds);
    assertThat(pamt(h).pages()).isGreaterThanOrEqualTo(before);
    ok(h.attributes(M2, M2, false));
    assertThat(h.count(SeamCall.PHYMEM_PAMT_REMOVE)).isEqualTo(1);
    h.check();
  }

  /**
   * PHYMEM.PAGE.WBINVD walks to whatever size is there: it is none of the calls that need a pair.
   */
  @ParameterizedTest
  @ValueSource(strings = {"rfc-v1", "v3"})
  void aHugePageThatWasNeverSplitGoesWithoutAPair(String policy) {
    TdxHost h = TdxHost.withDynamicPamt(policy);
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    ok(punch(h, M2, M2));
    assertThat(h.vm().isDead()).isFalse();
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    h.check();
    h.close();
    assertThat(pamt(h).pages()).isZero();
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore);
  }

  @Test
  void aFaultThatFindsNoPagesForThePamtIsEnomemAndNothingChanged() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    RunResult r = withFrames(h, 3, () -> h.run(TdCalls.accept(M2, PageLevel.PG_4K)));
    assertThat(r.errno()).isEqualTo(Errno.ENOMEM);
    assertThat(h.pages4k()).isZero();
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isZero();
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    h.check();
  }

  @Test
  void aSplitThatFindsNoneLeavesTheHugePage() {
    TdxHost h = TdxHost.withDynamicPamt("rfc-v1");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    pamt(h).drop();
    long r = withFrames(h, 2, () -> h.attributes(M2 + 0x1000, 0x1000, false));
    assertThat(r).isEqualTo(-Errno.ENOMEM.number());
    assertThat(h.pages2m()).isEqualTo(1);
    assertThat(h.count(SeamCall.MEM_RANGE_BLOCK)).isZero();
    ok(h.attributes(M2 + 0x1000, 0x1000, false));
    h.check();
  }

  @Test
  void aPageThatIsLostTakesThePairOfItsTwoMegabytesWithIt() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    TrustedFault refused = TrustedFault.ofCall("TDH.MEM.PAGE.REMOVE", TrustedFault.How.REFUSED, 1);
    assertThat(h.platform.plan(refused)).isEqualTo(Errno.OK);
    ok(punch(h, M2, M2));
    assertThat(h.vm().isDead()).isTrue();
    // KVM 7.3 holds no reference on the page itself: guest_memfd frees it whatever the module says.
    assertThat(h.vm().leaks()).hasSize(2).allMatch(l -> l.contains("the PAMT's"));
    h.close();
    assertThat(h.kvm.framesSinceBoot()).isZero();
  }

  /** Found by random programs (seed 5, program 15). */
  @Test
  void aTableThatIsLostTakesItsPairWithItToo() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    // The caches are not written back, so the HKID stays and with it every page.
    TrustedFault stays = TrustedFault.at(TrustedOperation.RECLAIM, TrustedFault.How.INTERRUPTED, 1);
    assertThat(h.platform.plan(stays)).isEqualTo(Errno.OK);
    h.close();
    assertThat(h.kvm.framesSinceBoot()).isZero();
    assertThat(h.kvm.leakedFrames()).isGreaterThan(10);
  }

  @Test
  void thePairOfTwoLostPagesIsLostOnce() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    long pfn = h.vm().context().gmemPfn(M2 >>> PageLevel.PAGE_SHIFT, false);
    List<Long> told = new ArrayList<>();
    // Pages of two TDs, each of which counts what it lost.
    pamt(h).lost(pfn, told::add);
    pamt(h).lost(pfn + 1, told::add);
    assertThat(told).hasSize(2).doesNotHaveDuplicates();
    h.close();
  }

  @Test
  void theModuleTakesNoPageThatHasNoEntry() {
    TdxHost h = TdxHost.withDynamicPamt("upstream");
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    // A frame of 2 MiB that nobody uses.
    long free = 40L << 30;
    long operand = M2 + 0x1000;
    assertThat(h.platform.seam().call(SeamCall.MEM_PAGE_AUG, operand, tdr(h), free, 0))
        .isEqualTo(SeamStatus.MISSING_PAMT_PAGE_PAIR.with(Operand.R8));
    assertThat(h.platform.seam().call(SeamCall.PHYMEM_PAMT_ADD, free | 1, 0x1000, 0x2000, 0))
        .isZero();
    assertThat(h.platform.seam().call(SeamCall.PHYMEM_PAMT_ADD, free | 1, 0x1000, 0x2000, 0))
        .isEqualTo(SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX));
    assertThat(h.platform.seam().call(SeamCall.MEM_PAGE_AUG, operand, tdr(h), free, 0)).isZero();
    assertThat(h.platform.seam().call(SeamCall.PHYMEM_PAMT_REMOVE, free | 1, 0, 0, 0))
        .isEqualTo(SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX));
  }

  @Test
  void theRecordedModuleHasNoSuchCall() {
    TdxHost h = TdxHost.running("upstream");
    assertThat(h.platform.pamt()).isNull();
    assertThat(h.platform.seam().call(SeamCall.PHYMEM_PAMT_ADD, 1L << 30 | 1, 0x1000, 0x2000, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RAX));
  }
}
