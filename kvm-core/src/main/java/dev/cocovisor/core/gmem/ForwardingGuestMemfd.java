package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.MappableFile;
import java.util.List;

/** Hands every call to another guest_memfd; the base of those that count, check or disturb. */
public abstract class ForwardingGuestMemfd implements GuestMemfd {
  private final GuestMemfd delegate;

  /** Wraps a guest_memfd. */
  protected ForwardingGuestMemfd(GuestMemfd delegate) {
    this.delegate = delegate;
  }

  /** Returns what is wrapped. */
  protected final GuestMemfd delegate() {
    return delegate;
  }

  @Override
  public Errno mayMapPages(long first, long pages, boolean shared, boolean executable) {
    return delegate.mayMapPages(first, pages, shared, executable);
  }

  @Override
  public void acquire() {
    delegate.acquire();
  }

  @Override
  public boolean tryAcquire() {
    return delegate.tryAcquire();
  }

  @Override
  public void release() {
    delegate.release();
  }

  @Override
  public long inodeNumber() {
    return delegate.inodeNumber();
  }

  @Override
  public Errno fallocate(int mode, long offset, long length) {
    return delegate.fallocate(mode, offset, length);
  }

  @Override
  public Conversion setAttributes(long offset, long size, long attributes, long flags) {
    return delegate.setAttributes(offset, size, attributes, flags);
  }

  @Override
  public boolean isPrivate(long index) {
    return delegate.isPrivate(index);
  }

  @Override
  public boolean allAre(long start, long end, boolean isPrivate) {
    return delegate.allAre(start, end, isPrivate);
  }

  @Override
  public long pages() {
    return delegate.pages();
  }

  @Override
  public GuestMemfd link(BindingOwner other) {
    return delegate.link(other);
  }

  // BackingStore

  @Override
  public long page(long index, int cpu) {
    return delegate.page(index, cpu);
  }

  @Override
  public long peek(long index) {
    return delegate.peek(index);
  }

  @Override
  public long next(long from, long end) {
    return delegate.next(from, end);
  }

  @Override
  public void markPrepared(long index, boolean prepared) {
    delegate.markPrepared(index, prepared);
  }

  @Override
  public ModelLock invalidateLock() {
    return delegate.invalidateLock();
  }

  @Override
  public long size() {
    return delegate.size();
  }

  @Override
  public boolean servesShared() {
    return delegate.servesShared();
  }

  @Override
  public Errno checkBind(BindingOwner owner, long offset, long size) {
    return delegate.checkBind(owner, offset, size);
  }

  @Override
  public Errno bind(Binding slot) {
    return delegate.bind(slot);
  }

  @Override
  public void rebind(Binding old, Binding now) {
    delegate.rebind(old, now);
  }

  @Override
  public void unbind(Binding slot) {
    delegate.unbind(slot);
  }

  @Override
  public List<Binding> bindings() {
    return delegate.bindings();
  }

  @Override
  public boolean isBound(Binding slot, long index) {
    return delegate.isBound(slot, index);
  }

  // MappableFile

  @Override
  public Errno mayMap(boolean shared) {
    return delegate.mayMap(shared);
  }

  @Override
  public Errno mayMap(boolean shared, boolean writable) {
    return delegate.mayMap(shared, writable);
  }

  @Override
  public boolean mayBeWritten(boolean shared) {
    return delegate.mayBeWritten(shared);
  }

  @Override
  public boolean hasPage(long pageIndex) {
    return delegate.hasPage(pageIndex);
  }

  @Override
  public boolean isHugetlb() {
    return delegate.isHugetlb();
  }

  @Override
  public boolean isShmem() {
    return delegate.isShmem();
  }

  @Override
  public long userFault(long pageIndex) {
    return delegate.userFault(pageIndex);
  }

  @Override
  public PolicyMap policies() {
    return delegate.policies();
  }

  @Override
  public void mapped(AddressSpace space) {
    delegate.mapped(space);
  }

  @Override
  public void unmapped(AddressSpace space) {
    delegate.unmapped(space);
  }

  @Override
  public MappableFile identity() {
    return delegate.identity();
  }

  @Override
  public Errno punch(long offset, long length) {
    return delegate.punch(offset, length);
  }
}
