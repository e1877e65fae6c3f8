package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import org.jspecify.annotations.Nullable;

/** A vCPU for hooks that do not look at it. */
final class NoVcpu implements VcpuContext {
  @Override
  public int id() {
    return 0;
  }

  @Override
  public VmContext vm() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int cpu() {
    return 0;
  }

  @Override
  public boolean inGuestMode() {
    return false;
  }

  @Override
  public @Nullable Object vendorState() {
    return null;
  }

  @Override
  public void setVendorState(@Nullable Object state) {}

  @Override
  public void setExit(Exit exit) {}

  @Override
  public void requestTlbFlush() {}
}
