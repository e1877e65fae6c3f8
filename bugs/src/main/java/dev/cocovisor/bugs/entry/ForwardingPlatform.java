package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Hands every call to another platform. */
abstract class ForwardingPlatform implements Platform {
  private final Platform delegate;

  ForwardingPlatform(Platform delegate) {
    this.delegate = delegate;
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return delegate.createVm(vm, type);
  }

  @Override
  public PhysicalGuard guard() {
    return delegate.guard();
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    delegate.checkInvariants(violation);
  }

  @Override
  public @Nullable String ownerOf(long pfn) {
    return delegate.ownerOf(pfn);
  }

  @Override
  public boolean makeAccessible(long pfn) {
    return delegate.makeAccessible(pfn);
  }

  @Override
  public boolean takeBack(long pfn) {
    return delegate.takeBack(pfn);
  }

  @Override
  public long secondaryTablePages() {
    return delegate.secondaryTablePages();
  }

  @Override
  public long lockedPages() {
    return delegate.lockedPages();
  }

  @Override
  public List<? extends TrustedCall> trustedCalls() {
    return delegate.trustedCalls();
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return delegate.plan(fault);
  }

  @Override
  public void close() {
    delegate.close();
  }
}
