package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.pkvm.hyp.MemoryMap.Region;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which frames are memory, which of them are the host's, and where regions and gaps end. */
// mem_protect.c (7.3): find_mem_range, addr_is_memory, check_range_allowed_memory.
class MemoryMapTest {
  private static final MemoryMap MAP =
      new MemoryMap(
          List.of(new Region(16, 32, false), new Region(32, 40, true), new Region(64, 80, false)),
          128);

  @Test
  void regionsAreSortedDisjointAndBelowTheLimit() {
    assertThat(new MemoryMap(List.of(new Region(0, 128, false)), 128).isMemory(127)).isTrue();
    for (List<Region> wrong :
        List.of(
            List.of(new Region(0, 129, false)),
            List.of(new Region(5, 5, false)),
            List.of(new Region(5, 4, false)),
            List.of(new Region(0, 8, false), new Region(7, 9, false)),
            List.of(new Region(8, 16, false), new Region(0, 8, false)))) {
      assertThatThrownBy(() -> new MemoryMap(wrong, 128))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void everyFrameIsInARegionOrAGap() {
    for (long pfn = 0; pfn < 128; pfn++) {
      boolean memory = (pfn >= 16 && pfn < 40) || (pfn >= 64 && pfn < 80);
      assertThat(MAP.isMemory(pfn)).as("%s", pfn).isEqualTo(memory);
      assertThat(MAP.isAllowed(pfn)).as("%s", pfn).isEqualTo(memory && (pfn < 32 || pfn >= 64));
      long[] range =
          pfn < 16
              ? new long[] {0, 16}
              : pfn < 32
                  ? new long[] {16, 32}
                  : pfn < 40
                      ? new long[] {32, 40}
                      : pfn < 64
                          ? new long[] {40, 64}
                          : pfn < 80 ? new long[] {64, 80} : new long[] {80, 128};
      assertThat(new long[] {MAP.rangeStart(pfn), MAP.rangeEnd(pfn)})
          .as("%s", pfn)
          .isEqualTo(range);
    }
  }

  @Test
  void aRangeThatMixesIsInvalidAndOneThatIsNotTheHostsNotPermitted() {
    assertThat(MAP.checkAllowed(16, 16)).isEqualTo(Errno.OK);
    assertThat(MAP.checkAllowed(16, 17)).isEqualTo(Errno.EINVAL);
    assertThat(MAP.checkAllowed(31, 1)).isEqualTo(Errno.OK);
    assertThat(MAP.checkAllowed(31, 2)).isEqualTo(Errno.EINVAL);
    assertThat(MAP.checkAllowed(32, 8)).isEqualTo(Errno.EPERM);
    assertThat(MAP.checkAllowed(40, 24)).isEqualTo(Errno.EPERM);
    assertThat(MAP.checkAllowed(64, 16)).isEqualTo(Errno.OK);
  }

  @Test
  void aRangeIsValidWhereItLiesBelowTheLimitAndDoesNotWrap() {
    assertThat(MAP.isValid(0, 1)).isTrue();
    assertThat(MAP.isValid(0, 128)).isTrue();
    assertThat(MAP.isValid(127, 1)).isTrue();
    assertThat(MAP.isValid(128, 1)).isFalse();
    assertThat(MAP.isValid(0, 0)).isFalse();
    assertThat(MAP.isValid(0, -1)).isFalse();
    assertThat(MAP.isValid(-1, 1)).isFalse();
    assertThat(MAP.isValid(0, 129)).isFalse();
    assertThat(MAP.isValid(127, 2)).isFalse();
    assertThat(MAP.isValid(1, Long.MAX_VALUE)).isFalse();
  }
}
