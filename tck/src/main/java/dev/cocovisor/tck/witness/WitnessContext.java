package dev.cocovisor.tck.witness;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ForwardingVmContext;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.PopulateCallback;

/**
 * What KVM offers the backend under test, with an eye on when it is asked: nothing that may sleep
 * or fault is called from a hook that runs under {@code mmu_lock}, and nothing that changes the
 * second stage is called without it.
 */
public final class WitnessContext extends ForwardingVmContext {
  private final Witness witness;

  WitnessContext(VmContext vm, Witness witness) {
    super(vm);
    this.witness = witness;
  }

  private void maySleep(String call) {
    String hook = witness.hookUnderMmuLock();
    if (hook != null) {
      witness.violation(hook + " called " + call + ", which may sleep, under mmu_lock");
    }
  }

  private void needsMmuLock(String call) {
    if (!mmuLock().heldExclusive()) {
      witness.violation(call + " was called without mmu_lock");
    }
  }

  @Override
  public Errno splitRange(long gfnStart, long gfnEnd) {
    needsMmuLock("splitRange");
    return super.splitRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno splitTo(long gfn, PageLevel level) {
    needsMmuLock("splitTo");
    return super.splitTo(gfn, level);
  }

  @Override
  public void zapRange(long gfnStart, long gfnEnd) {
    needsMmuLock("zapRange");
    super.zapRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate) {
    maySleep("mapPage");
    return super.mapPage(vcpu, gpa, isPrivate);
  }

  @Override
  public long populate(long gfn, long userAddress, long npages, PopulateCallback each) {
    maySleep("populate");
    return super.populate(gfn, userAddress, npages, each);
  }

  @Override
  public long gmemPfn(long gfn, boolean allocate) {
    if (allocate) {
      maySleep("gmemPfn");
    }
    return super.gmemPfn(gfn, allocate);
  }

  @Override
  public Errno copyFromUser(long userAddress, byte[] into, int offset, int length) {
    maySleep("copyFromUser");
    return super.copyFromUser(userAddress, into, offset, length);
  }

  @Override
  public Errno copyToUser(long userAddress, byte[] from, int offset, int length) {
    maySleep("copyToUser");
    return super.copyToUser(userAddress, from, offset, length);
  }

  @Override
  public long pinUserPage(long userAddress) {
    maySleep("pinUserPage");
    return super.pinUserPage(userAddress);
  }
}
