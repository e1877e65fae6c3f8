package __PACKAGE__;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.mem.SparseMemory;
import org.junit.jupiter.api.Test;

/** The trusted half alone, without a kernel. */
class __CLASS__PagesTest {
  private final __CLASS__Pages pages = new __CLASS__Pages(new SparseMemory());

  @Test
  void aFrameHasOneOwner() {
    assertTrue(pages.give(1, 0x10, 7));
    assertFalse(pages.give(2, 0x10, 7));
    assertFalse(pages.give(1, 0x11, 7));
    assertFalse(pages.takeBack(2, 0x10, 7));
    assertTrue(pages.takeBack(1, 0x10, 7));
    assertTrue(pages.give(2, 0x10, 7));
  }

  @Test
  void theHostIsLetInWhileThePageIsSharedOnly() {
    pages.give(1, 0x10, 7);
    assertEquals(Verdict.FAULT, pages.check(Accessor.HOST_KERNEL, 7, false));
    assertFalse(pages.share(2, 0x10, 7, true));
    assertTrue(pages.share(1, 0x10, 7, true));
    assertEquals(Verdict.ALLOW, pages.check(Accessor.HOST_KERNEL, 7, false));
    assertTrue(pages.share(1, 0x10, 7, false));
    assertEquals(Verdict.FAULT, pages.check(Accessor.HOST_KERNEL, 7, true));
    assertEquals(Verdict.ALLOW, pages.check(Accessor.HOST_KERNEL, 8, true));
  }
}
