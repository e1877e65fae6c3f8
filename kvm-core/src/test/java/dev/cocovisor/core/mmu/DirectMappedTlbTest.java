package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A translation is found until it is flushed or another of its line takes its place. */
class DirectMappedTlbTest {
  private final TlbModel tlb = TlbModel.directMapped();

  private List<String> all() {
    List<String> seen = new ArrayList<>();
    tlb.visit(
        (gfn, priv, pfn, writable) -> seen.add(gfn + " " + priv + " " + pfn + " " + writable));
    return seen;
  }

  @Test
  void whatWasFilledIsFoundAsItWas() {
    long packed = tlb.fill(0, true, 99, 2, false);
    assertThat(tlb.find(0, true, false)).isEqualTo(packed);
    assertThat(TlbModel.pfn(packed)).isEqualTo(99);
    assertThat(TlbModel.level(packed)).isEqualTo(2);
    assertThat(TlbModel.isWritable(packed)).isFalse();
    assertThat(all()).containsExactly("0 true 99 false");
  }

  @Test
  void aStoreMissesWhereOnlyLoadsAreAllowed() {
    tlb.fill(5, false, 99, 1, false);
    assertThat(tlb.find(5, false, true)).isEqualTo(TlbModel.MISS);
    long packed = tlb.fill(5, false, 99, 1, true);
    assertThat(tlb.find(5, false, true)).isEqualTo(packed);
    assertThat(TlbModel.isWritable(packed)).isTrue();
    assertThat(all()).containsExactly("5 false 99 true");
  }

  @Test
  void privateAndSharedAreDifferentTranslations() {
    tlb.fill(5, false, 99, 1, true);
    assertThat(tlb.find(5, true, false)).isEqualTo(TlbModel.MISS);
  }

  @Test
  void linesHoldOneTranslationEach() {
    tlb.fill(5, false, 1, 1, true);
    tlb.fill(6, false, 2, 1, true);
    tlb.fill(5 + 256, false, 3, 1, true);
    assertThat(tlb.find(5, false, false)).isEqualTo(TlbModel.MISS);
    assertThat(TlbModel.pfn(tlb.find(6, false, false))).isEqualTo(2);
    assertThat(TlbModel.pfn(tlb.find(5 + 256, false, false))).isEqualTo(3);
  }

  @Test
  void aFlushDropsEverything() {
    tlb.fill(5, false, 1, 1, true);
    tlb.fill(0, false, 2, 1, true);
    tlb.flush();
    assertThat(tlb.find(5, false, false)).isEqualTo(TlbModel.MISS);
    assertThat(all()).isEmpty();
  }
}
