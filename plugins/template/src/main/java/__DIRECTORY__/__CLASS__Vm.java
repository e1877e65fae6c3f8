package __PACKAGE__;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
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
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's half of one VM: what KVM does for this technology where it differs from plain KVM.
 *
 * <p>The second stage is the trusted half's own ({@link StageShape#DELEGATED}): the core keeps a
 * registry of what was given and asks by {@link #mapDelegated} and {@link #unmapDelegated}. Private
 * pages come out of the VMM's own memory, where the core pins them. docs/second-stage.md of
 * Cocovisor tells what the other shapes have to do.
 */
final class __CLASS__Vm implements VmOps {
  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateRule(PrivateRule.ALWAYS) // every page is private until the guest shares it
          .withMaxPrivateLevel(PageLevel.PG_4K)
          .withPrivateSource(PrivateSource.USER_MEMORY)
          .withProtectedState(true);

  private final VmContext vm;
  private final __CLASS__Pages pages;
  private final Map<Long, Long> table = new ConcurrentHashMap<>();
  private final Set<Long> unpacked = ConcurrentHashMap.newKeySet();
  private boolean sealed;
  private boolean dying;

  __CLASS__Vm(VmContext vm, __CLASS__Pages pages) {
    this.vm = vm;
    this.pages = pages;
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  /** Nothing is mapped that no guest touched. */
  @Override
  public boolean preFaultAllowed() {
    return false;
  }

  /** A guest does not run before its launch is over. */
  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return sealed ? Errno.OK : Errno.EINVAL;
  }

  /** Pages that were given cannot be taken from a guest that lives, so its slots stay. */
  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return change == SlotChange.DELETE || change == SlotChange.MOVE ? Errno.EPERM : Errno.OK;
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return switch (command.name()) {
      case "__CONSTANT___UNPACK" -> unpack(command.in());
      case "__CONSTANT___SEAL" -> seal();
      default -> -Errno.EINVAL.number();
    };
  }

  private long seal() {
    if (sealed) {
      return -Errno.EINVAL.number();
    }
    sealed = true;
    return 0;
  }

  /** Copies first contents in: each page is given to the guest, then written by the firmware. */
  private long unpack(Fields in) {
    if (sealed || vm.vcpus().isEmpty()) {
      return -Errno.EINVAL.number();
    }
    for (long at = 0; at < in.number("size"); at += PageLevel.PAGE_SIZE) {
      long gpa = in.number("gpa") + at;
      long gfn = gpa >>> PageLevel.PAGE_SHIFT;
      if (unpacked.contains(gfn)) {
        return -Errno.EEXIST.number();
      }
      byte[] page = new byte[(int) PageLevel.PAGE_SIZE];
      Errno errno = vm.copyFromUser(in.number("source") + at, page, 0, page.length);
      if (errno.ok() && !table.containsKey(gfn)) {
        errno = vm.mapPage(vm.vcpus().getFirst(), gpa, true);
      }
      Long pfn = table.get(gfn);
      if (!errno.ok() || pfn == null) {
        return -(errno.ok() ? Errno.EFAULT : errno).number();
      }
      vm.host().memory().raw().write(pfn << PageLevel.PAGE_SHIFT, page, 0, page.length);
      unpacked.add(gfn);
    }
    return 0;
  }

  /**
   * Gives a page. EAGAIN: another vCPU brought it meanwhile, and the fault is taken again; any other
   * error ends KVM_RUN, and the core unpins the page.
   */
  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (table.containsKey(gfn)) {
      return Errno.EAGAIN;
    }
    if (!pages.give(vm.id(), gfn, pfn)) {
      boolean raced = new __CLASS__Pages.Owner(vm.id(), gfn).equals(pages.ownerOf(pfn));
      return raced ? Errno.EAGAIN : Errno.EPERM;
    }
    table.put(gfn, pfn);
    return Errno.OK;
  }

  /** Takes a page back, which only the end of the VM does; who takes it unpins it. */
  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    if (!dying || !pages.takeBack(vm.id(), gfn, pfn)) {
      return Errno.EPERM;
    }
    table.remove(gfn);
    vm.unpinUserPage(pfn);
    return Errno.OK;
  }

  /** The VMM may unmap its memory; the guest keeps the page all the same. */
  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return false;
  }

  /** What the guest's accesses find in the trusted half's table. */
  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    Long pfn = table.get(gpa >>> PageLevel.PAGE_SHIFT);
    return pfn == null
        ? WALK_FAULT
        : pfn << PageLevel.PAGE_SHIFT | (gpa & (PageLevel.PAGE_SIZE - 1));
  }

  /** The guest's own calls; null for what is none of them. */
  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    boolean share = action.name().equals(__CLASS__Driver.SHARE);
    if (!share && !action.name().equals(__CLASS__Driver.UNSHARE)) {
      return null;
    }
    long gpa = action.fields().number("gpa");
    if (gpa % PageLevel.PAGE_SIZE != 0) {
      return RunResult.ok(new Exit.Done(__CLASS__Driver.REFUSED));
    }
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    while (true) {
      Long pfn = table.get(gfn);
      if (pfn != null) {
        boolean done = pages.share(vm.id(), gfn, pfn, share);
        return RunResult.ok(new Exit.Done(done ? 0 : __CLASS__Driver.REFUSED));
      }
      Errno errno = vm.mapPage(vcpu, gpa, true);
      if (!errno.ok() && errno != Errno.EAGAIN) {
        return new RunResult(errno, new Exit.Unknown());
      }
    }
  }

  @Override
  public void vmPreDestroy() {
    dying = true;
  }
}
