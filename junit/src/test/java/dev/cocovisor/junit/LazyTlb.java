package dev.cocovisor.junit;

import dev.cocovisor.core.mmu.TlbModel;

/** A TLB that keeps what it is told to drop. */
final class LazyTlb implements TlbModel {
  private final TlbModel inner = TlbModel.directMapped();

  @Override
  public long find(long gfn, boolean isPrivate, boolean write) {
    return inner.find(gfn, isPrivate, write);
  }

  @Override
  public long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable) {
    return inner.fill(gfn, isPrivate, pfn, level, writable);
  }

  @Override
  public void flush() {}

  @Override
  public void visit(Visitor visitor) {
    inner.visit(visitor);
  }
}
