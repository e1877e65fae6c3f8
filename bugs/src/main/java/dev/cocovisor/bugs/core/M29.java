package dev.cocovisor.bugs.core;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.attr.AttributeRuns;
import dev.cocovisor.core.attr.AttributeStore;

/** Entries that were reserved stay when the change of attributes fails, and count as mixed. */
public final class M29 extends Bug {
  /** Creates the bug. */
  public M29() {
    super(
        "M29",
        Area.ATTRIBUTES,
        "sw-protected",
        "277d3623d99a",
        "Entries that were reserved stay when the change of attributes fails, and count as mixed.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withAttributes(_ -> new Faulty(new AttributeRuns()));
  }

  private static final class Faulty implements AttributeStore {
    private final AttributeStore inner;
    private long reservedFrom;
    private long reservedTo;

    Faulty(AttributeStore inner) {
      this.inner = inner;
    }

    private boolean reserved(long start, long end) {
      return start < reservedTo && reservedFrom < end;
    }

    @Override
    public boolean reserve(long start, long end, long most) {
      boolean all = inner.reserve(start, end, most);
      if (!all) {
        reservedFrom = start;
        reservedTo = end;
      }
      return all;
    }

    @Override
    public int get(long gfn) {
      return inner.get(gfn);
    }

    @Override
    public long countSet(long start, long end) {
      return inner.countSet(start, end);
    }

    @Override
    public boolean isUniform(long gfn, PageLevel level) {
      long first = level.alignDown(gfn);
      return inner.isUniform(gfn, level) && !reserved(first, first + level.pages());
    }

    @Override
    public boolean rangeIs(long start, long end, int mask, int want) {
      return inner.rangeIs(start, end, mask, want) && !(want == 0 && reserved(start, end));
    }

    @Override
    public void set(long start, long end, int value) {
      inner.set(start, end, value);
    }
  }
}
