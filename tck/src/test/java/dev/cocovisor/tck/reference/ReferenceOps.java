package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** KVM's half of the reference technology for one VM. */
public class ReferenceOps implements VmOps {
  /** The gfn bit that says shared. */
  static final long SHARED = 1L << 35;

  /** The exit that tells the guest how its call ended, in {@code code}. */
  static final String TOLD = "REFERENCE_TOLD";

  /** The address of a call is not aligned. */
  static final long UNALIGNED = 3;

  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.MIRRORED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.SHARED_BIT)
          .withSharedGfnMask(SHARED)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);
  private static final int BITMAP_PAGES = 1 << 16;

  private final VmContext vm;
  private final Monitor monitor;
  private final GuestTable table;
  private final long[] plain = new long[BITMAP_PAGES / 64];
  private boolean initialized;
  private boolean finalized;

  /** Creates the vendor half of {@code vm}. */
  public ReferenceOps(VmContext vm, Monitor monitor) {
    this.vm = vm;
    this.monitor = monitor;
    this.table = new GuestTable(vm.id(), monitor);
  }

  protected VmContext vm() {
    return vm;
  }

  protected Monitor monitor() {
    return monitor;
  }

  protected GuestTable table() {
    return table;
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return switch (command.name()) {
      case "REFERENCE_INIT" -> {
        if (initialized) {
          yield -Errno.EINVAL.number();
        }
        initialized = true;
        yield 0;
      }
      case "REFERENCE_POPULATE" -> populate(command.in());
      case "REFERENCE_FINALIZE" -> {
        if (!initialized || finalized) {
          yield -Errno.EINVAL.number();
        }
        finalized = true;
        yield 0;
      }
      default -> -Errno.EINVAL.number();
    };
  }

  private long populate(Fields in) {
    long size = in.number("size");
    if (finalized || vm.vcpus().isEmpty()) {
      return -Errno.EINVAL.number();
    }
    VcpuContext vcpu = vm.vcpus().getFirst();
    long npages = size >>> PageLevel.PAGE_SHIFT;
    vm.slotsLock().lock();
    try {
      long done =
          vm.populate(
              in.number("gpa") >>> PageLevel.PAGE_SHIFT,
              in.number("source"),
              npages,
              (gfn, pfn, user, order) -> populated(vcpu, gfn, pfn, user, order));
      return done < 0 ? done : done == npages ? 0 : -Errno.EIO.number();
    } finally {
      vm.slotsLock().unlock();
    }
  }

  /** Copies one block in; a page that is mapped already was populated before. */
  protected Errno populated(VcpuContext vcpu, long gfn, long pfn, long user, int order) {
    for (long i = 0; i < 1L << order; i++) {
      if (table.leafOf(gfn + i) != null) {
        return Errno.EEXIST;
      }
      Errno errno = vm.mapPage(vcpu, (gfn + i) << PageLevel.PAGE_SHIFT, true);
      if (!errno.ok()) {
        return errno;
      }
      byte[] page = new byte[(int) PageLevel.PAGE_SIZE];
      errno = vm.copyFromUser(user + i * PageLevel.PAGE_SIZE, page, 0, page.length);
      if (!errno.ok()) {
        return errno;
      }
      monitor.memory().write((pfn + i) << PageLevel.PAGE_SHIFT, page, 0, page.length);
      table.accept(gfn + i);
    }
    return Errno.OK;
  }

  @Override
  public boolean preFaultAllowed() {
    return finalized;
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return finalized ? Errno.OK : Errno.EINVAL;
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    return finalized ? PageLevel.PG_2M : PageLevel.PG_4K;
  }

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return monitor.take(vm.id(), Monitor.TABLE, sptPfn, 1) ? Errno.OK : Errno.EIO;
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return table.map(gfn, pfn, level) ? Errno.OK : Errno.EIO;
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return table.unmap(gfn, pfn, level) ? Errno.OK : Errno.EIO;
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    if (shared) {
      return Errno.EBUSY;
    }
    if (!monitor.take(vm.id(), Monitor.TABLE, sptPfn, 1)) {
      return Errno.EIO;
    }
    return table.split(gfn, pfn, level) ? Errno.OK : Errno.EIO;
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return monitor.give(vm.id(), Monitor.TABLE, sptPfn, 1) ? Errno.OK : Errno.EIO;
  }

  @Override
  public long externalPfn(long gfn, PageLevel level) {
    GuestTable.Leaf leaf = table.leafAt(gfn);
    return leaf == null || leaf.level() != level ? NONE : leaf.pfn();
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    if (!isPrivate) {
      return WALK_CORE;
    }
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    GuestTable.Leaf leaf = table.leafOf(gfn);
    if (leaf == null) {
      return WALK_FAULT;
    }
    if (!table.isAccepted(gfn)) {
      vcpu.setExit(new Exit.Vendor(-1, "REFERENCE_PENDING", new Fields().put("gpa", gpa)));
      return WALK_EXIT;
    }
    return ((leaf.pfn() + gfn - leaf.gfn()) << PageLevel.PAGE_SHIFT) | (gpa & 4095);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    if (!action.name().equals("reference_accept")) {
      return null;
    }
    if (action.fields().number("gpa") % PageLevel.PAGE_SIZE != 0) {
      return told(UNALIGNED);
    }
    long first = action.fields().number("gpa") >>> PageLevel.PAGE_SHIFT;
    long count = action.fields().number("size") >>> PageLevel.PAGE_SHIFT;
    for (long gfn = first; gfn < first + count; gfn++) {
      if (table.leafOf(gfn) == null) {
        Errno errno = vm.mapPage(vcpu, gfn << PageLevel.PAGE_SHIFT, true);
        if (!errno.ok()) {
          return new RunResult(errno, new Exit.Unknown());
        }
      }
      accept(gfn);
    }
    return told(0);
  }

  /** Ends a call of the guest's with what it is told. */
  protected RunResult told(long code) {
    return RunResult.ok(new Exit.Vendor(-1, TOLD, new Fields().put("code", code)));
  }

  /** Takes a page into use, zeroed; one that is in use stays as it is. */
  protected void accept(long gfn) {
    GuestTable.Leaf leaf = table.leafOf(gfn);
    if (leaf != null && !table.isAccepted(gfn)) {
      monitor.memory().zero(leaf.pfn() + gfn - leaf.gfn(), 1);
      table.accept(gfn);
    }
  }

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    vm.kvmLock().lock();
    try {
      for (long g = gpa >>> PageLevel.PAGE_SHIFT, end = g + npages; g < end; g++) {
        if (encrypted) {
          plain[(int) (g >>> 6)] &= ~(1L << g);
        } else {
          plain[(int) (g >>> 6)] |= 1L << g;
        }
      }
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    if (startGfn < 0 || startGfn > BITMAP_PAGES - npages) {
      return Errno.EINVAL;
    }
    for (long i = 0; i < npages; i++) {
      long g = startGfn + i;
      long bit = (~plain[(int) (g >>> 6)] >>> g) & 1;
      into[(int) (i >>> 6)] = (into[(int) (i >>> 6)] & ~(1L << i)) | bit << i;
    }
    return Errno.OK;
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    if (startGfn < 0 || startGfn > BITMAP_PAGES - npages) {
      return Errno.EINVAL;
    }
    for (long i = 0; i < npages; i++) {
      long g = startGfn + i;
      long bit = (~from[(int) (i >>> 6)] >>> i) & 1;
      plain[(int) (g >>> 6)] = (plain[(int) (g >>> 6)] & ~(1L << g)) | bit << g;
    }
    return Errno.OK;
  }

  @Override
  public Errno resetPageEncBitmap() {
    Arrays.fill(plain, 0);
    return Errno.OK;
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    table.check(violation);
  }
}
