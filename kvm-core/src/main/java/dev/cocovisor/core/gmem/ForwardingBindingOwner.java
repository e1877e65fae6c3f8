package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import java.util.List;

/** Hands every call to another owner; the base of those that count, check or disturb. */
public abstract class ForwardingBindingOwner implements BindingOwner {
  private final BindingOwner delegate;

  /** Wraps an owner. */
  protected ForwardingBindingOwner(BindingOwner delegate) {
    this.delegate = delegate;
  }

  @Override
  public Errno gmemInvalidateBegin(
      List<? extends Binding> bound, long startPage, long endPage, PageFilter filter) {
    return delegate.gmemInvalidateBegin(bound, startPage, endPage, filter);
  }

  @Override
  public void gmemInvalidateEnd() {
    delegate.gmemInvalidateEnd();
  }

  @Override
  public PageFilter filterOfPages(boolean beginsShared) {
    return delegate.filterOfPages(beginsShared);
  }

  @Override
  public void gmemBecamePrivate(List<? extends Binding> bound, long startPage, long endPage) {
    delegate.gmemBecamePrivate(bound, startPage, endPage);
  }

  @Override
  public boolean mayBePrivate() {
    return delegate.mayBePrivate();
  }

  @Override
  public long attributeEntries() {
    return delegate.attributeEntries();
  }

  @Override
  public Errno boundAlready() {
    return delegate.boundAlready();
  }

  @Override
  public void gmemFreed(long pfnStart, long pfnEnd) {
    delegate.gmemFreed(pfnStart, pfnEnd);
  }

  @Override
  public BindingOwner identity() {
    return delegate.identity();
  }

  @Override
  public TraceSink trace() {
    return delegate.trace();
  }

  @Override
  public void gmemOpened() {
    delegate.gmemOpened();
  }

  @Override
  public boolean takesRangesThatWrap() {
    return delegate.takesRangesThatWrap();
  }

  @Override
  public void gmemClosed() {
    delegate.gmemClosed();
  }

  @Override
  public void lockSlots() {
    delegate.lockSlots();
  }

  @Override
  public void unlockSlots() {
    delegate.unlockSlots();
  }
}
