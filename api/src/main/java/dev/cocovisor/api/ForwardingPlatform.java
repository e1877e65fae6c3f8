package dev.cocovisor.api;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import java.util.List;
import java.util.function.Consumer;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Hands every call to another platform; the base of those that watch, decorate or disturb one.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public abstract class ForwardingPlatform implements Platform {
  private final Platform delegate;

  /** Wraps {@code delegate}. */
  protected ForwardingPlatform(Platform delegate) {
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
  public void showFrames(TableSink into) {
    delegate.showFrames(into);
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
  public long deviceAttribute(long group, long attribute) {
    return delegate.deviceAttribute(group, attribute);
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
