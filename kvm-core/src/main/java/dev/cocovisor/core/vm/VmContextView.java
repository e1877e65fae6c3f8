package dev.cocovisor.core.vm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a backend sees of a VM: the core's services under the names of the contract. */
final class VmContextView implements VmContext {
  private final Vm vm;

  VmContextView(Vm vm) {
    this.vm = vm;
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
    return List.of(vm.vcpuArray());
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
  public long invalidations() {
    return vm.invalidation().read();
  }

  @Override
  public boolean invalidatedSince(long seen, long gfn) {
    return vm.invalidation().mustRetry(seen, gfn);
  }

  @Override
  public void kickVcpus() {
    vm.traceCore("kick", 0, 0);
    vm.kickVcpus();
  }

  @Override
  public void lockAllVcpus() {
    vm.lockAllVcpus();
  }

  @Override
  public boolean tryLockAllVcpus() {
    return vm.tryLockAllVcpus();
  }

  @Override
  public void unlockAllVcpus() {
    vm.unlockAllVcpus();
  }

  @Override
  public void flushRemoteTlbs() {
    vm.flushRemoteTlbs();
  }

  @Override
  public Errno splitRange(long gfnStart, long gfnEnd) {
    vm.mmuLock().assertExclusive();
    return vm.stage().splitBoundaryLeafs(gfnStart, gfnEnd);
  }

  @Override
  public Errno splitTo(long gfn, PageLevel level) {
    vm.mmuLock().assertExclusive();
    Errno r = vm.stage().splitTo(gfn, level.number(), true);
    return r.ok() ? vm.stage().splitTo(gfn, level.number(), false) : r;
  }

  @Override
  public void zapRange(long gfnStart, long gfnEnd) {
    vm.mmuLock().assertExclusive();
    if (vm.stage().zapLeafs(gfnStart, gfnEnd, SecondStage.BOTH, false)) {
      vm.flushRemoteTlbs();
    }
  }

  @Override
  public Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate) {
    return vm.mapPage((Vcpu) vcpu, gpa, isPrivate);
  }

  @Override
  public long access(VcpuContext vcpu, long gpa, Access access, int value) {
    return ((Vcpu) vcpu).access(gpa, access, value);
  }

  @Override
  public @Nullable String deviceOf(long fd) {
    return vm.deviceOf(fd);
  }

  @Override
  public long lockedPages() {
    return vm.space().lockedPages();
  }

  @Override
  public void accountLocked(long pages) {
    vm.space().accountLocked(pages);
  }

  @Override
  public long lockedPagesLimit() {
    long bytes = vm.space().memlockLimit();
    return bytes < 0 ? -1 : bytes >>> PageLevel.PAGE_SHIFT;
  }

  @Override
  public @Nullable PageLevel mappedLevel(long gfn, boolean isPrivate) {
    long e = vm.stage().walk(gfn, isPrivate);
    return Spte.isLeaf(e) ? PageLevel.of(Spte.level(e)) : null;
  }

  @Override
  public void eachMapped(boolean isPrivate, MappedPage each) {
    boolean root = isPrivate && vm.stage().hasPrivateRoot();
    vm.stage()
        .visitLeafs(
            root,
            (base, level, _) -> {
              for (long gfn = base; gfn < base + PageLevel.of(level).pages(); gfn++) {
                long pfn = mappedPfn(gfn, isPrivate);
                if (pfn >= 0) {
                  each.page(gfn, pfn);
                }
              }
            });
  }

  @Override
  public long mappedPfn(long gfn, boolean isPrivate) {
    long e = vm.stage().walk(gfn, isPrivate);
    if (!Spte.isLeaf(e)) {
      return -1;
    }
    PageLevel level = PageLevel.of(Spte.level(e));
    return Spte.pfn(e) + (gfn & (level.pages() - 1));
  }

  @Override
  public @Nullable SlotView slotOf(long gfn) {
    return vm.slotsOf(0).find(gfn);
  }

  @Override
  public List<? extends SlotView> slots() {
    MemSlots set = vm.slotsOf(0);
    List<MemSlot> all = new ArrayList<>();
    for (int i = 0; i < set.size(); i++) {
      all.add(set.at(i));
    }
    return all;
  }

  @Override
  public boolean isPrivate(long gfn) {
    return vm.isPrivate(gfn);
  }

  @Override
  public boolean rangeIs(long gfnStart, long gfnEnd, boolean isPrivate) {
    int want = isPrivate ? MemoryAttributesIoctl.PRIVATE : 0;
    return vm.attributes().rangeIs(gfnStart, gfnEnd, MemoryAttributesIoctl.PRIVATE, want);
  }

  @Override
  public long populate(long gfn, long userAddress, long npages, PopulateCallback each) {
    return Populate.run(vm, gfn, userAddress, npages, each);
  }

  @Override
  public long gmemPfn(long gfn, boolean allocate) {
    return vm.faults().gmemPfn(vm.slotsOf(0).find(gfn), gfn, allocate);
  }

  @Override
  public Errno copyFromUser(long userAddress, byte[] into, int offset, int length) {
    return UserCopy.read(vm.memory(), vm.space(), userAddress, into, offset, length);
  }

  @Override
  public Errno copyToUser(long userAddress, byte[] from, int offset, int length) {
    return UserCopy.write(vm.memory(), vm.space(), userAddress, from, offset, length);
  }

  @Override
  public long pinUserPage(long userAddress) {
    long pfn = vm.space().pin(userAddress);
    return pfn < 0 ? -Errno.EFAULT.number() : pfn;
  }

  @Override
  public long pinUserPageToRead(long userAddress) {
    long pfn = vm.space().pinToRead(userAddress);
    return pfn < 0 ? -Errno.EFAULT.number() : pfn;
  }

  @Override
  public void eachUserMapping(long from, long to, UserRange each) {
    vm.space().eachMapped(from, to, each::range);
  }

  @Override
  public void unpinUserPage(long pfn) {
    vm.space().unpin(pfn);
  }

  @Override
  public Errno readGuest(long gpa, byte[] into, int offset, int length) {
    return vm.kernelAccess().read(gpa, into, offset, length);
  }

  @Override
  public Errno writeGuest(long gpa, byte[] from, int offset, int length) {
    return vm.kernelAccess().write(gpa, from, offset, length);
  }

  @Override
  public boolean lapicInKernel() {
    return vm.devices().hasIrqchip();
  }

  @Override
  public long exitHypercalls() {
    return vm.capabilities().exitsOn(12) ? 1L << 12 : 0;
  }

  @Override
  public long notifyExits() {
    return vm.devices().notifyExits();
  }

  @Override
  public long userSpaceMsrs() {
    return vm.devices().userSpaceMsrs();
  }

  @Override
  public long tscKhz() {
    return vm.devices().tscKhz();
  }

  @Override
  public boolean busLockExits() {
    return vm.devices().isEnabled(Capability.KVM_CAP_X86_BUS_LOCK_EXIT);
  }

  @Override
  public Errno standsStill(VcpuContext vcpu, long gfn, long tries) {
    return vm.gaveUp(vcpu, gfn, tries);
  }

  @Override
  public void dead() {
    vm.dead();
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

  @Override
  public void regained(long pfn) {
    vm.regained(pfn);
  }
}
