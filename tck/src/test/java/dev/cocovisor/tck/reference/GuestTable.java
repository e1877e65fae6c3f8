package dev.cocovisor.tck.reference;

import dev.cocovisor.api.PageLevel;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What the monitor maps for one VM, and what the guest accepted of it. */
public final class GuestTable {
  private final int vm;
  private final Monitor monitor;
  private final Map<Long, Leaf> leaves = new ConcurrentHashMap<>();
  private final Set<Long> accepted = ConcurrentHashMap.newKeySet();

  /** A leaf; gfn and pfn are its first ones. */
  public record Leaf(long gfn, long pfn, PageLevel level) {}

  public GuestTable(int vm, Monitor monitor) {
    this.vm = vm;
    this.monitor = monitor;
  }

  public boolean map(long gfn, long pfn, PageLevel level) {
    if (overlaps(gfn, level) || !monitor.take(vm, gfn, pfn, level.pages())) {
      return false;
    }
    leaves.put(gfn, new Leaf(gfn, pfn, level));
    return true;
  }

  private boolean overlaps(long gfn, PageLevel level) {
    if (leafOf(gfn) != null) {
      return true;
    }
    for (long g = gfn + 1; level != PageLevel.PG_4K && g < gfn + level.pages(); g++) {
      if (leaves.containsKey(g)) {
        return true;
      }
    }
    return false;
  }

  public boolean unmap(long gfn, long pfn, PageLevel level) {
    if (!new Leaf(gfn, pfn, level).equals(leaves.get(gfn))
        || !monitor.give(vm, gfn, pfn, level.pages())) {
      return false;
    }
    leaves.remove(gfn);
    for (long g = gfn; g < gfn + level.pages(); g++) {
      accepted.remove(g);
    }
    return true;
  }

  public boolean split(long gfn, long pfn, PageLevel level) {
    if (!new Leaf(gfn, pfn, level).equals(leaves.get(gfn))) {
      return false;
    }
    PageLevel lower = level.lower();
    for (long i = 0; i < level.pages(); i += lower.pages()) {
      leaves.put(gfn + i, new Leaf(gfn + i, pfn + i, lower));
    }
    return true;
  }

  public @Nullable Leaf leafOf(long gfn) {
    Leaf leaf = leaves.get(gfn);
    if (leaf != null) {
      return leaf;
    }
    Leaf huge = leaves.get(PageLevel.PG_2M.alignDown(gfn));
    return huge != null && huge.level() == PageLevel.PG_2M ? huge : null;
  }

  public @Nullable Leaf leafAt(long gfn) {
    return leaves.get(gfn);
  }

  public boolean isAccepted(long gfn) {
    return accepted.contains(gfn);
  }

  public void accept(long gfn) {
    accepted.add(gfn);
  }

  /** Reports what a VM at its end, or at any time, must not have. */
  public void check(Consumer<String> violation) {
    leaves
        .values()
        .forEach(l -> {
          for (long i = 0; i < l.level().pages(); i++) {
            if (!monitor.owns(vm, l.gfn() + i, l.pfn() + i)) {
              violation.accept(l + " maps a frame that is not the VM's");
              return;
            }
          }
        });
    for (long g : accepted) {
      if (leafOf(g) == null) {
        violation.accept("gfn 0x" + Long.toHexString(g) + " is accepted and not mapped");
      }
    }
  }
}
