package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.PrivateSource;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.guest.LoadStore;
import dev.cocovisor.pkvm.hyp.Hyp;
import dev.cocovisor.pkvm.hyp.Hypercall;
import dev.cocovisor.pkvm.hyp.PageState;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One VM under pKVM, protected or not.
 *
 * <p><b>Memory.</b> The guest's stage 2 is EL2's; the core's registry lists what was given. A
 * protected guest's fault pins one page of the VMM's memory, charges it and donates it; nothing but
 * the VM's end brings it back, so MMU notifiers and slot flushes pass it by. An ordinary guest's
 * fault shares, a page or a 2 MiB block, and everything may be taken back at any time.
 *
 * <p><b>Order at the end.</b> start_teardown, then every page reclaimed and unpinned, then
 * guest_memfds unbound, then finalize_teardown. A page that EL2 does not return stays pinned and is
 * lost.
 *
 * <p>Sources: {@code arch/arm64/kvm/pkvm.c}, pkvm_pgtable_stage2_map,
 * __pkvm_pgtable_stage2_reclaim; {@code arch/arm64/kvm/mmu.c}, pkvm_mem_abort,
 * kvm_arch_prepare_memory_region, kvm_handle_guest_abort.
 */
final class PkvmVm implements VmOps {
  private static final int PROT_RX = 1 | 4;
  private static final int PROT_RWX = 7;
  private static final int KVM_MEM_LOG_DIRTY_PAGES = 1;
  private static final int KVM_MEM_READONLY = 2;

  private static final VmTraits PROTECTED =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateRule(PrivateRule.ALWAYS)
          .withMaxPrivateLevel(PageLevel.PG_4K)
          .withPrivateSource(PrivateSource.USER_MEMORY)
          .withReadonlySlots(true)
          .withDirtyLogging(true)
          .withProtectedState(true);

  private static final VmTraits NORMAL =
      VmTraits.of(StageShape.DELEGATED)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withReadonlySlots(true)
          .withDirtyLogging(true);

  private final PkvmPlatform platform;
  private final Hyp hyp;
  private final VmContext vm;
  private final boolean isProtected;
  private final boolean privateByDefault;
  private final HypVmLife life;
  private final VcpuInit features;
  private final VmFlags enabled = new VmFlags();
  private final GuestRuns runs;
  private final LoadsAndStores loads;

  // pkvm_mem_abort maps with mmu_lock held for writing; the core's faults hold it shared only.
  private final ModelLock faultLock = new ModelLock("pkvm faults");
  private long givenPages;

  /** Of those given, what EL2 did not give back when it was told to, by gfn. */
  private final Map<Long, Long> lost = new HashMap<>();

  PkvmVm(PkvmPlatform platform, VmContext vm, boolean isProtected) {
    this.platform = platform;
    this.hyp = platform.hyp();
    this.vm = vm;
    this.isProtected = isProtected;
    this.life = new HypVmLife(platform, vm, isProtected);
    this.privateByDefault = platform.host().flag(PkvmBackend.PRIVATE_BY_DEFAULT);
    this.features = new VcpuInit(platform.host().trace());
    this.runs = new GuestRuns(platform, vm, isProtected, life, features, enabled);
    this.loads = new LoadsAndStores(vm, isProtected, hyp.geometry().pages(), enabled);
  }

  @Override
  public VmTraits traits() {
    return isProtected ? PROTECTED : NORMAL;
  }

  /** Returns EL2's handle of this VM. */
  int handle() {
    return life.handle();
  }

  // Life.

  @Override
  public Errno vmInit() {
    return life.init();
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    return life.createVcpu(vcpu);
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return runs.begin(vcpu, state(vcpu));
  }

  private static PkvmVcpu state(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof PkvmVcpu v) {
      return v;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " was not created here");
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    life.put(state(vcpu));
  }

  @Override
  public void vmPreDestroy() {
    life.startTeardown();
  }

  @Override
  public void guestMemoryReclaimed() {
    // A slot's flush may leave pages with a protected guest; the VM's end may not: the memory is
    // unbound next, and the host would touch what is not its own.
    long left = givenPages - lost.values().stream().mapToLong(n -> n).sum();
    if (life.isDying() && left != 0) {
      platform.report(
          "VM " + vm.id() + ": " + left + " pages not reclaimed when its memory is unbound");
    }
  }

  @Override
  public void vmDestroy() {
    life.bury();
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    if (!command.name().equals("KVM_ARM_VCPU_INIT")) {
      return -Errno.ENOTTY.number();
    }
    Errno e = features.init(state(vcpu), command.in());
    if (e.ok() && state(vcpu).ranOnce) {
      unmapVm();
    }
    return -e.number();
  }

  /**
   * A guest that boots again faults in all of its memory anew, where the processor does not force
   * cacheable accesses (no FEAT_S2FWB, as on the recorded machine). KVM leaves out what nothing is
   * mapped at in the VMM, and a protected guest's pages: there it only warns.
   *
   * <p>Source: Linux 7.3, {@code arch/arm64/kvm/arm.c}, kvm_arch_vcpu_ioctl_vcpu_init; {@code
   * mmu.c}, stage2_unmap_vm, stage2_unmap_memslot; {@code pkvm.c}, pkvm_pgtable_stage2_unmap.
   */
  private void unmapVm() {
    if (isProtected) {
      return;
    }
    for (SlotView slot : vm.slots()) {
      long user = slot.userspaceAddr();
      vm.eachUserMapping(
          user,
          user + (slot.npages() << PageLevel.PAGE_SHIFT),
          (from, to) -> {
            long gfn = slot.baseGfn() + ((from - user) >>> PageLevel.PAGE_SHIFT);
            vm.mmuLock().lock();
            try {
              vm.zapRange(gfn, gfn + ((to - from) >>> PageLevel.PAGE_SHIFT));
            } finally {
              vm.mmuLock().unlock();
            }
          });
    }
  }

  /**
   * KVM_ENABLE_CAP: nothing for protected guests, whose registers KVM does not see. Source: {@code
   * arch/arm64/kvm/arm.c}, kvm_vm_ioctl_enable_cap.
   */
  @Override
  public Errno enableCap(int capability, long flags, long argument) {
    Capability cap = Capability.of(capability);
    if (isProtected || cap == null) {
      return refuse(Errno.EINVAL, "a capability that this VM does not have");
    }
    return switch (cap) {
      case KVM_CAP_ARM_SEA_TO_USER -> Errno.OK;
      case KVM_CAP_ARM_NISV_TO_USER -> {
        enabled.nisvToUser = true;
        yield Errno.OK;
      }
      case KVM_CAP_ARM_SYSTEM_SUSPEND -> {
        enabled.suspends = true;
        yield Errno.OK;
      }
      case KVM_CAP_ARM_WRITABLE_IMP_ID_REGS ->
          vm.vcpus().isEmpty()
              ? Errno.OK
              : refuse(Errno.EINVAL, "the VM has vCPUs, whose registers are set up");
      default -> refuse(Errno.EINVAL, "a capability that cannot be enabled");
    };
  }

  // Slots.

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    if (isProtected) {
      // What a running pVM's memory is stays what it is.
      if (life.isCreated() && (change == SlotChange.DELETE || change == SlotChange.MOVE)) {
        return refuse(Errno.EPERM, "slots of a protected guest that ran stay");
      }
      if (now != null && (now.flags() & (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) != 0) {
        return refuse(Errno.EPERM, "a protected guest's slot is neither logged nor read-only");
      }
    }
    if (now == null) {
      return Errno.OK;
    }
    if (now.endGfn() > hyp.geometry().pages()) {
      return refuse(Errno.EFAULT, "the slot ends beyond the guest's address space");
    }
    return now.hasGuestMemfd() && !now.isGmemOnly()
        ? refuse(Errno.EINVAL, "the slot's guest_memfd cannot be mapped: none is private only")
        : Errno.OK;
  }

  private Errno refuse(Errno e, String why) {
    return platform.host().trace().refuse(e, why);
  }

  // Mapping.

  /** arm64 has no pre-population in the reference kernel: pages are given as they are touched. */
  @Override
  public boolean preFaultAllowed() {
    return false;
  }

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    if (isProtected || wanted == PageLevel.PG_4K) {
      return PageLevel.PG_4K;
    }
    long inBlock = PageLevel.PG_2M.pages() - 1;
    return (gfn & inBlock) == (pfn & inBlock) ? PageLevel.PG_2M : PageLevel.PG_4K;
  }

  /** Tables first, then the limit of locked pages, then the page: as 7.3 does. */
  @Override
  public Errno prepareDelegated(VcpuContext vcpu, boolean isPrivate) {
    Errno e = life.fillCache(state(vcpu));
    return e.ok() && isProtected ? platform.mayCharge(vm) : e;
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    PkvmVcpu v = state(vcpu);
    faultLock.lock();
    try {
      if (isProtected) {
        // Another vCPU was faster with this very page.
        return hyp.guestPfn(life.handle(), gfn) >= 0
            ? refuse(Errno.EAGAIN, "another vCPU mapped the page meanwhile")
            : donate(v, gfn, pfn);
      }
      return share(v, gfn, pfn, level, writable);
    } finally {
      faultLock.unlock();
    }
  }

  private Errno donate(PkvmVcpu v, long gfn, long pfn) {
    Errno e = platform.charge(vm);
    if (!e.ok()) {
      return e;
    }
    e = platform.errno(v.cpu, Hypercall.HOST_DONATE_GUEST, pfn, gfn, 0, 0);
    if (!e.ok()) {
      platform.uncharge(vm);
      return e;
    }
    givenPages++;
    if (!privateByDefault) {
      // A guest whose firmware shares whatever it touches.
      hyp.guestHvc(v.cpu, Hvc.MEM_SHARE, gfn << PageLevel.PAGE_SHIFT, 0, 0);
    }
    return Errno.OK;
  }

  private Errno share(PkvmVcpu v, long gfn, long pfn, PageLevel level, boolean writable) {
    long now = hyp.guestPfn(life.handle(), gfn);
    if (now == pfn && mappedPages(gfn) == level.pages()) {
      return platform.errno(
          v.cpu, Hypercall.HOST_RELAX_PERMS_GUEST, gfn, writable ? PROT_RWX : PROT_RX, 0, 0);
    }
    // A mapping of another size or page goes first, bigger or smaller.
    for (long g = gfn; g < gfn + level.pages(); g++) {
      if (hyp.guestPfn(life.handle(), g) >= 0) {
        Errno e = unshare(g);
        if (!e.ok()) {
          return e;
        }
      }
    }
    Errno e =
        platform.errno(
            v.cpu,
            Hypercall.HOST_SHARE_GUEST,
            pfn,
            gfn,
            level.pages(),
            writable ? PROT_RWX : PROT_RX);
    if (e.ok()) {
      givenPages += level.pages();
    }
    return e;
  }

  private long mappedPages(long gfn) {
    return hyp.guestMappingPages(life.handle(), gfn);
  }

  private Errno unshare(long gfn) {
    long pages = mappedPages(gfn);
    Errno e =
        platform.errno(0, Hypercall.HOST_UNSHARE_GUEST, life.handle(), gfn & -pages, pages, 0);
    if (e.ok()) {
      givenPages -= pages;
      lost.remove(gfn & -pages);
    }
    return e;
  }

  /**
   * The guest faulted on an address that it was given a page for: either another vCPU was faster,
   * or the page was taken by force and the run ends with EFAULT.
   */
  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    if (!isProtected) {
      return Errno.EAGAIN;
    }
    long r = platform.call(state(vcpu).cpu, Hypercall.VCPU_IN_POISON_FAULT, 0, 0, 0, 0);
    return r == 0
        ? refuse(Errno.EAGAIN, "another vCPU mapped the page meanwhile")
        : refuse(Errno.EFAULT, "the page was taken from the guest by force");
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    if (!isProtected) {
      // Gone already with a mapping of another size that took its place.
      boolean was = lost.containsKey(gfn);
      Errno e = mappedPages(gfn) == level.pages() ? unshare(gfn) : Errno.OK;
      if (!e.ok()) {
        return keptByEl2(Hypercall.HOST_UNSHARE_GUEST, e, gfn, pfn, level);
      }
      if (was) {
        regained(pfn, level.pages());
      }
      return e;
    }
    if (!life.isDying()) {
      return refuse(Errno.EPERM, "a living protected guest gives no page back");
    }
    Errno e = platform.errno(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, life.handle(), gfn, 0, 0);
    if (!e.ok()) {
      return keptByEl2(Hypercall.RECLAIM_DYING_GUEST_PAGE, e, gfn, pfn, level);
    }
    if (lost.remove(gfn) != null) {
      regained(pfn, 1);
    }
    givenPages--;
    vm.unpinUserPage(pfn);
    platform.uncharge(vm);
    return Errno.OK;
  }

  /**
   * KVM warns and goes on: what EL2 keeps stays where it is, and the host may not use it any more.
   * Source: {@code arch/arm64/kvm/pkvm.c}, __pkvm_pgtable_stage2_reclaim and
   * __pkvm_pgtable_stage2_unshare.
   */
  private Errno keptByEl2(Hypercall call, Errno e, long gfn, long pfn, PageLevel level) {
    vm.leak(pfn, level.pages(), call.callName() + ": " + e + " (KVM warns and the page stays)");
    lost.put(gfn, level.pages());
    platform.lost(pfn, level.pages(), true);
    return e;
  }

  private void regained(long pfn, long pages) {
    platform.lost(pfn, pages, false);
    for (long i = 0; i < pages; i++) {
      vm.regained(pfn + i);
    }
  }

  @Override
  public Errno protectDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return platform.errno(
        0, Hypercall.HOST_WRPROTECT_GUEST, life.handle(), gfn, mappedPages(gfn), 0);
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return !isProtected;
  }

  // The guest.

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return runs.walk(vcpu, state(vcpu), gpa, access);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    return action.name().equals(GuestProgress.RUN)
        ? runs.goOn(vcpu, state(vcpu), a -> ownAction(vcpu, a))
        : ownAction(vcpu, action);
  }

  private @Nullable RunResult ownAction(VcpuContext vcpu, GuestAction.Vendor action) {
    Hvc hvc = Hvc.of(action);
    if (hvc != null) {
      return runs.hypercall(vcpu, state(vcpu), hvc);
    }
    LoadStore op = LoadStore.of(action);
    return op == null ? null : loads.run(vcpu, op);
  }

  // Checks.

  @Override
  public void checkInvariants(Consumer<String> violation) {
    vm.eachMapped(
        isProtected,
        (gfn, pfn) -> {
          long there = hyp.guestPfn(life.handle(), gfn);
          if (there != pfn && hyp.guestState(life.handle(), gfn) != PageState.POISON) {
            violation.accept(
                "VM %d gfn 0x%x: the registry has frame 0x%x, EL2 has 0x%x"
                    .formatted(vm.id(), gfn, pfn, there));
          }
        });
  }

  @Override
  public long trustedTablePages() {
    return hyp.guestTablePages(life.handle());
  }

  @Override
  public void showTables(TableSink into) {
    hyp.showGuest(life.handle(), into.table("guest stage 2, as EL2 keeps it"));
  }
}
