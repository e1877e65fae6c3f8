package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.slot.MemSlot;

/** Hands every call to another second stage; the base of those that count, check or disturb. */
public abstract class ForwardingSecondStage implements SecondStage {
  private final SecondStage delegate;

  /** Wraps a second stage. */
  protected ForwardingSecondStage(SecondStage delegate) {
    this.delegate = delegate;
  }

  /** Returns what is wrapped. */
  protected final SecondStage delegate() {
    return delegate;
  }

  @Override
  public void reload(VcpuContext vcpu) {
    delegate.reload(vcpu);
  }

  @Override
  public int map(PageFault fault, VcpuContext vcpu) {
    return delegate.map(fault, vcpu);
  }

  @Override
  public void populated(long gfn, long pfn, int order) {
    delegate.populated(gfn, pfn, order);
  }

  @Override
  public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
    return delegate.zapLeafs(start, end, roots, notifier);
  }

  @Override
  public void zapAllDirect() {
    delegate.zapAllDirect();
  }

  @Override
  public Errno splitBoundaryLeafs(long start, long end) {
    return delegate.splitBoundaryLeafs(start, end);
  }

  @Override
  public Errno splitTo(long gfn, int level, boolean isPrivate) {
    return delegate.splitTo(gfn, level, isPrivate);
  }

  @Override
  public boolean protectWrites(long start, long end, int from, int to) {
    return delegate.protectWrites(start, end, from, to);
  }

  @Override
  public void splitAll(long start, long end) {
    delegate.splitAll(start, end);
  }

  @Override
  public void recoverHuge(MemSlot slot, LevelRule rule) {
    delegate.recoverHuge(slot, rule);
  }

  @Override
  public long walk(long gfn, boolean isPrivate) {
    return delegate.walk(gfn, isPrivate);
  }

  @Override
  public void accessed(long gfn, boolean isPrivate) {
    delegate.accessed(gfn, isPrivate);
  }

  @Override
  public boolean age(long start, long end, boolean clear) {
    return delegate.age(start, end, clear);
  }

  @Override
  public void visitLeafs(boolean privateRoot, LeafVisitor visitor) {
    delegate.visitLeafs(privateRoot, visitor);
  }

  @Override
  public PageCounters counters() {
    return delegate.counters();
  }

  @Override
  public long tablePages() {
    return delegate.tablePages();
  }

  @Override
  public long externalTablePages() {
    return delegate.externalTablePages();
  }

  @Override
  public void destroy() {
    delegate.destroy();
  }

  @Override
  public boolean hasPrivateRoot() {
    return delegate.hasPrivateRoot();
  }
}
