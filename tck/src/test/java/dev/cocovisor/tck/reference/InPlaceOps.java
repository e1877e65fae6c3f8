package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.PrivateSource;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** KVM's half of a technology that converts in place, for one VM; pKVM's in shape. */
public class InPlaceOps implements VmOps {
  /** What a call returns that was refused; pKVM's SMCCC_RET_INVALID_PARAMETER in shape. */
  static final long REFUSED = -3;

  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateRule(PrivateRule.ALWAYS)
          .withMaxPrivateLevel(PageLevel.PG_4K)
          .withPrivateSource(PrivateSource.USER_MEMORY)
          .withReadonlySlots(true)
          .withDirtyLogging(true)
          .withProtectedState(true);

  private final VmContext vm;
  private final Monitor monitor;
  private final GuestTable table;
  private boolean dying;

  /** Creates the vendor half of {@code vm}. */
  public InPlaceOps(VmContext vm, Monitor monitor) {
    this.vm = vm;
    this.monitor = monitor;
    this.table = new GuestTable(vm.id(), monitor);
  }

  protected Monitor monitor() {
    return monitor;
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  @Override
  public boolean preFaultAllowed() {
    return false;
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return change == SlotChange.DELETE || change == SlotChange.MOVE ? Errno.EPERM : Errno.OK;
  }

  @Override
  public synchronized Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (table.leafOf(gfn) != null) {
      return Errno.EAGAIN;
    }
    return table.map(gfn, pfn, level) ? Errno.OK : Errno.EIO;
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    if (!dying) {
      return Errno.EPERM;
    }
    monitor.open(pfn, false);
    if (!table.unmap(gfn, pfn, level)) {
      return Errno.EIO;
    }
    vm.unpinUserPage(pfn);
    return Errno.OK;
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return false;
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    GuestTable.Leaf leaf = table.leafOf(gpa >>> PageLevel.PAGE_SHIFT);
    return leaf == null ? WALK_FAULT : leaf.pfn() << PageLevel.PAGE_SHIFT | (gpa & 4095);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    boolean share = action.name().equals("in_place_share");
    if (!share && !action.name().equals("in_place_unshare")) {
      return null;
    }
    long gpa = action.fields().number("gpa");
    if (gpa % PageLevel.PAGE_SIZE != 0) {
      return RunResult.ok(new Exit.Done(REFUSED));
    }
    while (true) {
      GuestTable.Leaf leaf = table.leafOf(gpa >>> PageLevel.PAGE_SHIFT);
      if (leaf != null) {
        open(leaf.pfn(), share);
        return RunResult.ok(new Exit.Done(0));
      }
      Errno errno = vm.mapPage(vcpu, gpa, true);
      if (!errno.ok() && errno != Errno.EAGAIN) {
        return new RunResult(errno, new Exit.Unknown());
      }
    }
  }

  /** Lets the host into a page, or locks it out. */
  protected void open(long pfn, boolean share) {
    monitor.open(pfn, share);
  }

  @Override
  public void vmPreDestroy() {
    dying = true;
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    table.check(violation);
  }
}
