package com.example.cove.kvm;

import com.example.cove.guest.Covg;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * KVM's TVM: the hooks of one VM.
 *
 * <p><b>Life.</b> The TVM exists from KVM_CREATE_VM on. Slots with a guest_memfd become
 * confidential regions and vCPUs are created until KVM_RISCV_COVE_FINALIZE; then it runs, and
 * neither is possible any more. (The Linux series finalizes silently on the first run. Here it is a
 * command, as for the technologies that were merged since, so that a run before the end of the
 * launch is an error.)
 *
 * <p><b>Memory.</b> There is no alias for shared memory: which accesses are private is what the
 * attributes say, and what the guest declared is the TSM's to know. Where the two differ the TSM
 * refuses the page and the run ends with a memory fault that tells the guest's view.
 *
 * <p><b>Locks.</b> The core's, then {@code tvm pages lock}, a vCPU's, {@code cove_fence_lock}, the
 * TSM's. {@code launch lock} orders population and the end of the launch; it comes first.
 */
final class TvmOps implements VmOps {
  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.ATTRIBUTE)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);

  private final VmContext vm;
  private final boolean hugePages;
  private final TvmLife life;
  private final TvmMemory memory;
  private final TvmRun run;
  private final Covh covh;
  private final ModelLock launchLock = new ModelLock("tvm launch lock");
  private volatile boolean finalized;
  private volatile boolean dying;

  TvmOps(VmContext vm, Tsm tsm, Covh covh, ConfidentialFrames frames, boolean hugePages) {
    this.vm = vm;
    this.hugePages = hugePages;
    this.covh = covh;
    this.life = new TvmLife(vm, covh, frames);
    this.memory = new TvmMemory(vm, life, covh, frames);
    this.run = new TvmRun(tsm, life);
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  // Birth.

  @Override
  public Errno vmInit() {
    return life.create();
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    Errno e = life.createVcpu(vcpu.id());
    if (e.ok()) {
      vcpu.setVendorState(new TvmVcpuState(vcpu.id()));
    }
    return e;
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    boolean placed = change == SlotChange.CREATE || change == SlotChange.MOVE;
    return placed && now != null && now.hasGuestMemfd() ? life.addRegion(now) : Errno.OK;
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    launchLock.lock();
    try {
      return switch (command.name()) {
        case "KVM_RISCV_COVE_MEASURE_REGION" -> measure(command);
        case "KVM_RISCV_COVE_FINALIZE" -> -finish(command).number();
        default -> fail(Errno.ENOTTY, "no command of a TVM: " + command.name());
      };
    } finally {
      launchLock.unlock();
    }
  }

  /** Copies pages of the VMM's into the launch. */
  private long measure(VendorCommand command) {
    long from = command.in().number("userspace_addr");
    long gpa = command.in().number("gpa");
    long size = command.in().number("size");
    boolean aligned = ((from | gpa | size) & (PageLevel.PAGE_SIZE - 1)) == 0;
    if (finalized || !aligned || size <= 0 || from == 0) {
      return fail(
          Errno.EINVAL,
          finalized
              ? "the TVM is finalized: its measurement is sealed"
              : "addresses and size have to be whole pages, with a source");
    }
    vm.slotsLock().lock();
    try {
      for (long done = 0; done < size; ) {
        long pages =
            vm.populate(
                (gpa + done) >>> PageLevel.PAGE_SHIFT,
                from + done,
                (size - done) >>> PageLevel.PAGE_SHIFT,
                this::measureBlock);
        if (pages < 0) {
          return pages;
        }
        done += pages << PageLevel.PAGE_SHIFT;
      }
      return 0;
    } finally {
      vm.slotsLock().unlock();
    }
  }

  private Errno measureBlock(long gfn, long pfn, long from, int order) {
    for (long i = 0; i < 1L << order; i++) {
      long source = vm.pinUserPage(from + (i << PageLevel.PAGE_SHIFT));
      if (source < 0) {
        return Errno.of((int) -source);
      }
      Errno e = memory.measure(gfn + i, pfn + i, source);
      vm.unpinUserPage(source);
      if (!e.ok()) {
        memory.unmapPages(gfn, pfn, i);
        return e;
      }
    }
    return Errno.OK;
  }

  /** Tells why a call is refused, and returns the error. */
  private Errno refuse(Errno error, String why) {
    return vm.host().trace().refuse(error, why);
  }

  /** As {@link #refuse}, for what answers like a system call. */
  private long fail(Errno error, String why) {
    return -refuse(error, why).number();
  }

  private Errno finish(VendorCommand command) {
    if (finalized || vm.vcpus().isEmpty()) {
      return refuse(
          Errno.EINVAL, finalized ? "the TVM is finalized already" : "the TVM has no vCPU");
    }
    Errno e =
        Covh.errno(
            covh.finalizeTvm(
                life.gid(),
                command.in().number("entry_pc", 0),
                command.in().number("entry_arg", 0)));
    finalized = e.ok();
    return e;
  }

  @Override
  public boolean preFaultAllowed() {
    return finalized;
  }

  // Mapping.

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    boolean huge =
        hugePages
            && isPrivate
            && wanted.compareTo(PageLevel.PG_2M) >= 0
            && PageLevel.PG_2M.aligned(pfn - gfn)
            && memory.fitsHuge(gfn);
    return huge ? PageLevel.PG_2M : PageLevel.PG_4K;
  }

  /**
   * Makes the VMM's page behind a shared access writable first: the TSM maps shared pages for
   * reading and writing, so a page that the host may only read cannot be given. (The Linux series
   * pins it with FOLL_WRITE.)
   */
  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    SlotView slot = isPrivate || access == Access.WRITE ? null : vm.slotOf(gfn);
    if (slot != null) {
      long pfn = vm.pinUserPage(slot.userAddressOf(gfn));
      if (pfn >= 0) {
        vm.unpinUserPage(pfn);
      }
    }
    return AccessOutcome.FAULT;
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (dying) {
      return refuse(Errno.EIO, "the TVM is being destroyed");
    }
    if (!isPrivate && !writable) {
      return refuse(Errno.EFAULT, "the host may only read the page; shared pages are writable");
    }
    Errno e = isPrivate ? memory.mapPrivate(gfn, pfn, level) : memory.mapShared(gfn, pfn);
    if (e == TvmMemory.STILL_THERE) {
      return refuse(Errno.EIO, "the TSM did not give back the page that was mapped here");
    }
    if (e == TvmMemory.DECLARED_OTHERWISE) {
      vcpu.setExit(
          new Exit.MemoryFault(
              isPrivate ? 0 : Exit.MemoryFault.PRIVATE,
              gfn << PageLevel.PAGE_SHIFT,
              PageLevel.PAGE_SIZE));
      return refuse(
          Errno.EFAULT,
          isPrivate
              ? "the guest has declared the page shared"
              : "the guest has declared the page confidential");
    }
    return e;
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return memory.unmap(gfn);
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return isPrivate && level == PageLevel.PG_2M ? memory.split(gfn) : Errno.EOPNOTSUPP;
  }

  // Running.

  private static TvmVcpuState of(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof TvmVcpuState v) {
      return v;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " is not a TVM's");
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return !finalized || dying
        ? refuse(Errno.EINVAL, dying ? "the TVM is being destroyed" : "the TVM is not finalized")
        : run.preRun(vcpu, of(vcpu));
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return run.walk(vcpu, of(vcpu), gpa, access);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    return action.name().equals(Covg.ACTION) ? run.covg(of(vcpu), action.fields()) : null;
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return run.resume(of(vcpu));
  }

  // Death.

  @Override
  public void vmPreDestroy() {
    dying = true;
  }

  @Override
  public void vmDestroy() {
    if (life.destroy()) {
      memory.forget();
    }
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    memory.check(violation);
  }
}
