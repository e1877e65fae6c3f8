package dev.cocovisor.api.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A range of actions has what a loop over its pages would have made. */
class ActionRangeTest {
  private static final long K4 = PageLevel.PAGE_SIZE;
  private static final long M2 = PageLevel.PG_2M.bytes();

  private static GuestAction action(long gpa, PageLevel level) {
    return new GuestAction.Fetch(gpa, level == PageLevel.PG_4K);
  }

  private static List<GuestAction> byLoop(long gpa, long size, PageLevel level) {
    var all = new ArrayList<GuestAction>();
    for (long at = gpa; at < gpa + size; ) {
      boolean fits = (at & (level.bytes() - 1)) == 0 && gpa + size - at >= level.bytes();
      PageLevel step = fits ? level : PageLevel.PG_4K;
      all.add(action(at, step));
      at += step.bytes();
    }
    return all;
  }

  @Test
  void itIsWhatALoopOverThePagesMakes() {
    for (long gpa : new long[] {0, K4, M2, M2 - K4, 3 * M2 + 2 * K4, M2 + 0x800}) {
      for (long size : new long[] {0, -K4, K4, 0x800, K4 + 1, M2, M2 + K4, 3 * M2, M2 - K4}) {
        for (PageLevel level : List.of(PageLevel.PG_4K, PageLevel.PG_2M)) {
          List<GuestAction> lazy = ActionRange.of(gpa, size, level, ActionRangeTest::action);
          List<GuestAction> walked = new ArrayList<>();
          lazy.forEach(walked::add);
          assertThat(walked)
              .as("gpa %x size %x level %s", gpa, size, level)
              .isEqualTo(byLoop(gpa, size, level));
          assertThat(lazy).hasSize(walked.size());
        }
      }
    }
  }

  @Test
  void aRangeOfAnySizeCostsNothingUntilItIsWalked() {
    List<GuestAction> all = ActionRange.of(0, 1L << 52, PageLevel.PG_4K, ActionRangeTest::action);
    assertThat(all.size()).isEqualTo(Integer.MAX_VALUE);
    assertThat(all.iterator().next()).isEqualTo(action(0, PageLevel.PG_4K));
    assertThat(all.get(1 << 30)).isEqualTo(action(1L << 42, PageLevel.PG_4K));
  }
}
