package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who keeps the frame of a page that the module would not give back. */
class FolioReferencesTest {
  private static final long M2 = 2L << 20;

  private static long punch(TdxHost h, long at, long size) {
    return h.process.fallocate(h.gmem, 3, at, size);
  }

  /** Punches a mapped page away while the module refuses to remove it; returns its frame. */
  private static long lost(TdxHost h, PageLevel level) {
    assertThat(h.accept(M2, level)).isZero();
    long pfn = h.vm().context().mappedPfn(M2 >>> 12, true);
    assertThat(h.platform.plan(TrustedFault.ofCall("TDH.MEM.PAGE.REMOVE", How.REFUSED, 1)).ok())
        .isTrue();
    ok(punch(h, M2, level.pages() << 12));
    return pfn;
  }

  @ParameterizedTest
  @CsvSource({
    "upstream, auto, true",
    "upstream, on-error, false",
    "rfc-v1, auto, false",
    "rfc-v1, none, true",
    "v3, auto, false",
    "v3, mapped, false",
  })
  void aPageThatIsStillTheTdsIsFreedWhereNobodyRefersToIt(
      String policy, String references, boolean freed) {
    TdxHost h = TdxHost.withReferences(policy, references);
    PageLevel level = policy.equals("upstream") ? PageLevel.PG_4K : PageLevel.PG_2M;
    long pfn = lost(h, level);
    int size = level == PageLevel.PG_4K ? 0 : 1;
    Pamt pamt = Objects.requireNonNull(h.platform.module().pamt(pfn << 12));
    assertThat(pamt.type(size, pfn << 12)).isEqualTo(PageType.REG);
    for (long p = pfn; p < pfn + level.pages(); p += level.pages() - 1 | 1) {
      assertThat(h.kvm.memory().isFree(p)).as("frame %x", p).isEqualTo(freed);
    }
  }

  @Test
  void whatWasRemovedIsReferredToNoMore() {
    TdxHost h = TdxHost.withReferences("rfc-v1", "mapped");
    assertThat(h.accept(M2, PageLevel.PG_2M)).isZero();
    long pfn = h.vm().context().mappedPfn(M2 >>> 12, true);
    assertThat(h.kvm.physicalMemory().isPinned(pfn, pfn + 512)).isTrue();
    ok(punch(h, M2 + 0x1000, 0x1000));
    assertThat(h.kvm.physicalMemory().isPinned(pfn + 1, pfn + 2)).isFalse();
    assertThat(h.kvm.physicalMemory().isPinned(pfn + 2, pfn + 3)).isTrue();
    ok(punch(h, M2, M2));
    assertThat(h.kvm.physicalMemory().isPinned(pfn, pfn + 512)).isFalse();
    h.check();
  }
}
