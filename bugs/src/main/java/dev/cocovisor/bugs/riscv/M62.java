package dev.cocovisor.bugs.riscv;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.Spte;

/**
 * After a hole an unmapping goes on by the size of a larger entry, so pages behind the hole stay
 * mapped.
 */
public final class M62 extends Bug {
  /** Creates the bug. */
  public M62() {
    super(
        "M62",
        Area.RISCV,
        "riscv-cove",
        "a5f8307e2eaa, 0d9dc20842db",
        "After a hole an unmapping goes on by the size of a larger entry, so pages behind the hole"
            + " stay mapped.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withSecondStage((host, shape) -> new Faulty(SecondStage.standard(host, shape)));
  }

  private static final class Faulty extends ForwardingSecondStage {
    Faulty(SecondStage delegate) {
      super(delegate);
    }

    @Override
    public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
      boolean flush = false;
      for (int root = DIRECT; root <= PRIVATE_ROOT; root++) {
        if ((roots & root) != 0) {
          flush |= zapRoot(start, end, root, notifier);
        }
      }
      return flush;
    }

    private boolean zapRoot(long start, long end, int root, boolean notifier) {
      boolean flush = false;
      for (long gfn = start; gfn < end; ) {
        long e = walk(gfn, root == PRIVATE_ROOT);
        PageLevel step = PageLevel.of(Spte.isLeaf(e) ? Spte.level(e) : 2);
        long next = step.alignDown(gfn) + step.pages();
        if (Spte.isLeaf(e)) {
          flush |= super.zapLeafs(gfn, Math.min(next, end), root, notifier);
        }
        gfn = next;
      }
      return flush;
    }
  }
}
