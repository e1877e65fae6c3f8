package dev.cocovisor.tck.witness;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What KVM offers the backend under test, with an eye on when it is asked: nothing that may sleep
 * or fault is called from a hook that runs under {@code mmu_lock}, and nothing that changes the
 * second stage is called without it.
 */
public final class WitnessContext implements VmContext {
  private final VmContext vm;
  private final Witness witness;

  WitnessContext(VmContext vm, Witness witness) {
    this.vm = vm;
    this.witness = witness;
  }

  private void maySleep(String call) {
    String hook = witness.hookUnderMmuLock();
    if (hook != null) {
      witness.violation(hook + " called " + call + ", which may sleep, under mmu_lock");
    }
  }

  private void needsMmuLock(String call) {
    if (!vm.mmuLock().heldExclusive()) {
      witness.violation(call + " was called without mmu_lock");
    }
  }

  @Override
  public int id() {
    return vm.id();
  }

  @Override
  public VmType type() {
    return vm.type();
  }

  @Override
  public HostMachine host() {
    return vm.host();
  }

  @Override
  public List<? extends VcpuContext> vcpus() {
    return vm.vcpus();
  }

  @Override
  public ModelLock kvmLock() {
    return vm.kvmLock();
  }

  @Override
  public ModelLock slotsLock() {
    return vm.slotsLock();
  }

  @Override
  public ModelLock mmuLock() {
    return vm.mmuLock();
  }

  @Override
  public void kickVcpus() {
    vm.kickVcpus();
  }

  @Override
  public void flushRemoteTlbs() {
    vm.flushRemoteTlbs();
  }

  @Override
  public Errno splitRange(long gfnStart, long gfnEnd) {
    needsMmuLock("splitRange");
    return vm.splitRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno splitTo(long gfn, PageLevel level) {
    needsMmuLock("splitTo");
    return vm.splitTo(gfn, level);
  }

  @Override
  public void zapRange(long gfnStart, long gfnEnd) {
    needsMmuLock("zapRange");
    vm.zapRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate) {
    maySleep("mapPage");
    return vm.mapPage(vcpu, gpa, isPrivate);
  }

  @Override
  public @Nullable PageLevel mappedLevel(long gfn, boolean isPrivate) {
    return vm.mappedLevel(gfn, isPrivate);
  }

  @Override
  public long mappedPfn(long gfn, boolean isPrivate) {
    return vm.mappedPfn(gfn, isPrivate);
  }

  @Override
  public long exitHypercalls() {
    return vm.exitHypercalls();
  }

  @Override
  public @Nullable SlotView slotOf(long gfn) {
    return vm.slotOf(gfn);
  }

  @Override
  public List<? extends SlotView> slots() {
    return vm.slots();
  }

  @Override
  public boolean isPrivate(long gfn) {
    return vm.isPrivate(gfn);
  }

  @Override
  public boolean rangeIs(long gfnStart, long gfnEnd, boolean isPrivate) {
    return vm.rangeIs(gfnStart, gfnEnd, isPrivate);
  }

  @Override
  public long populate(long gfn, long userAddress, long npages, PopulateCallback each) {
    maySleep("populate");
    return vm.populate(gfn, userAddress, npages, each);
  }

  @Override
  public long gmemPfn(long gfn, boolean allocate) {
    if (allocate) {
      maySleep("gmemPfn");
    }
    return vm.gmemPfn(gfn, allocate);
  }

  @Override
  public Errno copyFromUser(long userAddress, byte[] into, int offset, int length) {
    maySleep("copyFromUser");
    return vm.copyFromUser(userAddress, into, offset, length);
  }

  @Override
  public Errno copyToUser(long userAddress, byte[] from, int offset, int length) {
    maySleep("copyToUser");
    return vm.copyToUser(userAddress, from, offset, length);
  }

  @Override
  public long pinUserPage(long userAddress) {
    maySleep("pinUserPage");
    return vm.pinUserPage(userAddress);
  }

  @Override
  public void unpinUserPage(long pfn) {
    vm.unpinUserPage(pfn);
  }

  @Override
  public void bug(String why) {
    vm.bug(why);
  }

  @Override
  public boolean isDead() {
    return vm.isDead();
  }

  @Override
  public void leak(long pfn, long count, String why) {
    vm.leak(pfn, count, why);
  }
}
