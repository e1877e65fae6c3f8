package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Attributes that files keep agree with an array of pages: slots, gaps, closed files and all. */
// guest_memfd.c (7.4), kvm_gmem_is_private: without a slot or a file a frame is shared.
class FileAttributesTest {
  private static final long PAGE = 4096;
  private static final int PAGES = 2200;
  private static final int PRIVATE = 8;
  private static final long MMAP_AND_INIT_SHARED = 3;

  @Test
  void agreeWithAnArrayOfPages() {
    KvmProcess p = new KvmProcess(new Kvm(HostConfig.DEFAULT.withKernel("7.4"), List.of()));
    int vm = (int) p.createVm((int) p.openDevKvm(), 1);
    long low = p.mmap(0, PAGES * PAGE, 3, 0x22, -1, 0);
    int first = (int) p.createGuestMemfd(vm, 1024 * PAGE, MMAP_AND_INIT_SHARED);
    int second = (int) p.createGuestMemfd(vm, 600 * PAGE, MMAP_AND_INIT_SHARED);
    // Pages 100 to 612 are the first file's from page 7 on, 700 to 1300 the second's; between them
    // is a gap, and behind them a slot without a file.
    assertThat(p.setUserMemoryRegion2(vm, 1, 4, 100 * PAGE, 512 * PAGE, low, 7 * PAGE, first))
        .isZero();
    assertThat(p.setUserMemoryRegion2(vm, 2, 4, 700 * PAGE, 600 * PAGE, low, 0, second)).isZero();
    assertThat(p.setUserMemoryRegion2(vm, 3, 0, 1300 * PAGE, 50 * PAGE, low, 0, -1)).isZero();
    AttributeStore attributes = Objects.requireNonNull(p.vm(vm)).attributes();
    boolean[] naive = new boolean[PAGES];
    Random random = new Random(5);
    long[] error = {0};
    for (int round = 0; round < 200; round++) {
      boolean one = random.nextBoolean();
      int size = one ? 1024 : 600;
      int from = random.nextInt(size);
      int pages = 1 + random.nextInt(size - from);
      boolean toPrivate = random.nextBoolean();
      assertThat(
              p.setMemoryAttributes2(
                  one ? first : second,
                  from * PAGE,
                  pages * PAGE,
                  toPrivate ? PRIVATE : 0,
                  0,
                  error))
          .isZero();
      for (int i = from; i < from + pages; i++) {
        int gfn = one ? 100 + i - 7 : 700 + i;
        if (one ? i >= 7 && i < 519 : true) {
          naive[gfn] = toPrivate;
        }
      }
      for (int i = 0; i < 200; i++) {
        int gfn = random.nextInt(1400);
        assertThat(attributes.get(gfn)).as("gfn %s", gfn).isEqualTo(naive[gfn] ? PRIVATE : 0);
        int end = gfn + 1 + random.nextInt(i % 2 == 0 ? 5 : 700);
        boolean wanted = random.nextBoolean();
        assertThat(attributes.rangeIs(gfn, end, PRIVATE, wanted ? PRIVATE : 0))
            .as("%s to %s are %s", gfn, end, wanted)
            .isEqualTo(all(naive, gfn, end, wanted));
        assertThat(attributes.rangeIs(gfn, end, 0, PRIVATE)).as("nothing is asked").isTrue();
      }
      for (int gfn = 0; gfn < 1536; gfn += 512) {
        int at = gfn + random.nextInt(512);
        assertThat(attributes.isUniform(at, PageLevel.PG_2M))
            .isEqualTo(all(naive, gfn, gfn + 512, naive[at]));
        assertThat(attributes.isUniform(at, PageLevel.PG_4K)).isTrue();
      }
    }
    assertThat(p.setMemoryAttributes2(first, 0, 1024 * PAGE, PRIVATE, 0, error)).isZero();
    assertThat(attributes.get(100)).isEqualTo(PRIVATE);
    assertThat(p.close(first)).isZero();
    assertThat(attributes.get(100)).as("the file is closed").isZero();
    assertThat(attributes.rangeIs(100, 612, PRIVATE, 0)).isTrue();
    assertThat(attributes.rangeIs(100, 612, PRIVATE, PRIVATE)).isFalse();
  }

  private static boolean all(boolean[] pages, int from, int to, boolean wanted) {
    for (int i = from; i < to; i++) {
      if (pages[i] != wanted) {
        return false;
      }
    }
    return true;
  }
}
