package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import org.jspecify.annotations.Nullable;

/** A vCPU that remembers which exit was set on it, for actions that return the exit themselves. */
final class ExitCatcher implements VcpuContext {
  private final VcpuContext vcpu;
  private final Exit[] caught;

  ExitCatcher(VcpuContext vcpu, Exit[] caught) {
    this.vcpu = vcpu;
    this.caught = caught;
  }

  @Override
  public int id() {
    return vcpu.id();
  }

  @Override
  public VmContext vm() {
    return vcpu.vm();
  }

  @Override
  public int cpu() {
    return vcpu.cpu();
  }

  @Override
  public boolean inGuestMode() {
    return vcpu.inGuestMode();
  }

  @Override
  public @Nullable Object vendorState() {
    return vcpu.vendorState();
  }

  @Override
  public void setVendorState(@Nullable Object state) {
    vcpu.setVendorState(state);
  }

  @Override
  public void setExit(Exit exit) {
    caught[0] = exit;
    vcpu.setExit(exit);
  }

  @Override
  public void requestTlbFlush() {
    vcpu.requestTlbFlush();
  }
}
