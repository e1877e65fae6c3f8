package dev.cocovisor.api;

import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Hands every call to another context; the base of those that count, check or disturb what a vendor
 * half asks of KVM.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public abstract class ForwardingVmContext implements VmContext {
  private final VmContext delegate;

  /** Wraps {@code delegate}. */
  protected ForwardingVmContext(VmContext delegate) {
    this.delegate = delegate;
  }

  /** Returns the wrapped context. */
  protected final VmContext delegate() {
    return delegate;
  }

  @Override
  public int id() {
    return delegate.id();
  }

  @Override
  public VmType type() {
    return delegate.type();
  }

  @Override
  public HostMachine host() {
    return delegate.host();
  }

  @Override
  public List<? extends VcpuContext> vcpus() {
    return delegate.vcpus();
  }

  @Override
  public ModelLock kvmLock() {
    return delegate.kvmLock();
  }

  @Override
  public ModelLock slotsLock() {
    return delegate.slotsLock();
  }

  @Override
  public ModelLock mmuLock() {
    return delegate.mmuLock();
  }

  @Override
  public long invalidations() {
    return delegate.invalidations();
  }

  @Override
  public boolean invalidatedSince(long seen, long gfn) {
    return delegate.invalidatedSince(seen, gfn);
  }

  @Override
  public void kickVcpus() {
    delegate.kickVcpus();
  }

  @Override
  public void lockAllVcpus() {
    delegate.lockAllVcpus();
  }

  @Override
  public boolean tryLockAllVcpus() {
    return delegate.tryLockAllVcpus();
  }

  @Override
  public void unlockAllVcpus() {
    delegate.unlockAllVcpus();
  }

  @Override
  public void flushRemoteTlbs() {
    delegate.flushRemoteTlbs();
  }

  @Override
  public Errno splitRange(long gfnStart, long gfnEnd) {
    return delegate.splitRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno splitTo(long gfn, PageLevel level) {
    return delegate.splitTo(gfn, level);
  }

  @Override
  public void zapRange(long gfnStart, long gfnEnd) {
    delegate.zapRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate) {
    return delegate.mapPage(vcpu, gpa, isPrivate);
  }

  @Override
  public @Nullable PageLevel mappedLevel(long gfn, boolean isPrivate) {
    return delegate.mappedLevel(gfn, isPrivate);
  }

  @Override
  public void eachMapped(boolean isPrivate, MappedPage each) {
    delegate().eachMapped(isPrivate, each);
  }

  @Override
  public long mappedPfn(long gfn, boolean isPrivate) {
    return delegate.mappedPfn(gfn, isPrivate);
  }

  @Override
  public long exitHypercalls() {
    return delegate.exitHypercalls();
  }

  @Override
  public long notifyExits() {
    return delegate.notifyExits();
  }

  @Override
  public long userSpaceMsrs() {
    return delegate.userSpaceMsrs();
  }

  @Override
  public long tscKhz() {
    return delegate.tscKhz();
  }

  @Override
  public boolean busLockExits() {
    return delegate.busLockExits();
  }

  @Override
  public @Nullable SlotView slotOf(long gfn) {
    return delegate.slotOf(gfn);
  }

  @Override
  public List<? extends SlotView> slots() {
    return delegate.slots();
  }

  @Override
  public boolean isPrivate(long gfn) {
    return delegate.isPrivate(gfn);
  }

  @Override
  public boolean rangeIs(long gfnStart, long gfnEnd, boolean isPrivate) {
    return delegate.rangeIs(gfnStart, gfnEnd, isPrivate);
  }

  @Override
  public long populate(long gfn, long userAddress, long npages, PopulateCallback each) {
    return delegate.populate(gfn, userAddress, npages, each);
  }

  @Override
  public long gmemPfn(long gfn, boolean allocate) {
    return delegate.gmemPfn(gfn, allocate);
  }

  @Override
  public Errno copyFromUser(long userAddress, byte[] into, int offset, int length) {
    return delegate.copyFromUser(userAddress, into, offset, length);
  }

  @Override
  public Errno copyToUser(long userAddress, byte[] from, int offset, int length) {
    return delegate.copyToUser(userAddress, from, offset, length);
  }

  @Override
  public @Nullable String deviceOf(long fd) {
    return delegate.deviceOf(fd);
  }

  @Override
  public long lockedPages() {
    return delegate.lockedPages();
  }

  @Override
  public void accountLocked(long pages) {
    delegate.accountLocked(pages);
  }

  @Override
  public long lockedPagesLimit() {
    return delegate.lockedPagesLimit();
  }

  @Override
  public long access(VcpuContext vcpu, long gpa, Access access, int value) {
    return delegate.access(vcpu, gpa, access, value);
  }

  @Override
  public long pinUserPage(long userAddress) {
    return delegate.pinUserPage(userAddress);
  }

  @Override
  public long pinUserPageToRead(long userAddress) {
    return delegate.pinUserPageToRead(userAddress);
  }

  @Override
  public void eachUserMapping(long from, long to, UserRange each) {
    delegate.eachUserMapping(from, to, each);
  }

  @Override
  public void unpinUserPage(long pfn) {
    delegate.unpinUserPage(pfn);
  }

  @Override
  public Errno readGuest(long gpa, byte[] into, int offset, int length) {
    return delegate.readGuest(gpa, into, offset, length);
  }

  @Override
  public Errno writeGuest(long gpa, byte[] from, int offset, int length) {
    return delegate.writeGuest(gpa, from, offset, length);
  }

  @Override
  public boolean lapicInKernel() {
    return delegate.lapicInKernel();
  }

  @Override
  public Errno standsStill(VcpuContext vcpu, long gfn, long tries) {
    return delegate.standsStill(vcpu, gfn, tries);
  }

  @Override
  public void dead() {
    delegate.dead();
  }

  @Override
  public void bug(String why) {
    delegate.bug(why);
  }

  @Override
  public boolean isDead() {
    return delegate.isDead();
  }

  @Override
  public void leak(long pfn, long count, String why) {
    delegate.leak(pfn, count, why);
  }

  @Override
  public void regained(long pfn) {
    delegate.regained(pfn);
  }
}
