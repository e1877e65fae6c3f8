package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.pkvm.hyp.HostStructs;
import dev.cocovisor.pkvm.hyp.HostVcpu;
import dev.cocovisor.pkvm.hyp.HostVm;
import dev.cocovisor.pkvm.hyp.Hyp;
import dev.cocovisor.pkvm.hyp.HypFailures;
import dev.cocovisor.pkvm.hyp.HypSteps;
import dev.cocovisor.pkvm.hyp.Hypercall;
import dev.cocovisor.pkvm.hyp.MemoryMap;
import dev.cocovisor.pkvm.hyp.PageState;
import dev.cocovisor.pkvm.hyp.Stage2Geometry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One host under pKVM: the hypervisor and the way to call it.
 *
 * <p>A vCPU keeps a CPU of EL2's to itself while it is loaded, as if it ran pinned: the host's
 * scheduler is not part of the model. Pages that hold {@code struct kvm} and {@code struct
 * kvm_vcpu} are found by their frame. All maps here are under {@link #lock}.
 */
public final class PkvmPlatform implements Platform, HostStructs {
  private static final int CPUS = 512;
  private static final long FRAMES = 1L << 32;

  private final List<Long> stacks = new ArrayList<>();
  private final Set<Long> lost = ConcurrentHashMap.newKeySet();
  private final HostMachine host;
  private final FaultPlan plan;
  private final Hyp hyp;
  private final HostSteps steps;
  private final ModelLock lock = new ModelLock("pkvm host structures");
  private final Map<Long, HostVm> vms = new HashMap<>();
  private final Map<Long, HostVcpu> vcpus = new HashMap<>();
  private final boolean[] cpuTaken = new boolean[CPUS];
  private final List<String> broken = new ArrayList<>();
  private final long memlockPages;
  private long lockedPages;
  private long tablePages;

  PkvmPlatform(HostMachine host) {
    this.host = host;
    this.plan = new FaultPlan(Hypercall.ROWS, HypFailures::answer, host.interposer());
    this.hyp =
        new Hyp(
            MemoryMap.flat(FRAMES),
            host.memory().raw(),
            CPUS,
            this,
            new Stage2Geometry((int) host.number(PkvmBackend.IPA_BITS)),
            plan,
            host.trace(),
            host.part(HypSteps.class, HypSteps.LINUX));
    this.steps = host.part(HostSteps.class, new HostSteps());
    this.memlockPages = host.number(PkvmBackend.MEMLOCK_PAGES);
    for (int i = 0; i < steps.stackPages(); i++) {
      long page = host.memory().allocate(0);
      stacks.add(page);
      hyp.addStack(page);
    }
    hyp.finalise();
  }

  /** Returns the hypervisor, for inspection and for tests that play the host. */
  public Hyp hyp() {
    return hyp;
  }

  HostSteps steps() {
    return steps;
  }

  HostMachine host() {
    return host;
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new PkvmVm(this, vm, type.equals(VmType.ARM_PROTECTED));
  }

  @Override
  public PhysicalGuard guard() {
    return hyp;
  }

  @Override
  public List<Hypercall> trustedCalls() {
    return Hypercall.ROWS;
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return plan.plan(fault);
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    broken.forEach(violation);
    hyp.checkInvariants(lost::contains, violation);
    hyp.forEachHeldPage(pfn -> {
      if (host.memory().isFree(pfn)) {
        violation.accept("frame 0x" + Long.toHexString(pfn) + " is free, and not the host's alone");
      }
    });
  }

  @Override
  public void close() {
    stacks.forEach(page -> host.memory().free(page, 0));
  }

  @Override
  public @Nullable String ownerOf(long pfn) {
    return switch (hyp.ownerOf(pfn)) {
      case HYP -> "EL2";
      case GUEST -> "guest";
      case HOST -> hyp.hostState(pfn) == PageState.SHARED_BORROWED ? "guest, lent to host" : null;
    };
  }

  @Override
  public void showFrames(TableSink into) {
    hyp.showFrames(into.table("host stage 2, as EL2 keeps it"));
  }

  /** Notes pages that EL2 refused to give back, or that it gave back after all. */
  void lost(long pfn, long pages, boolean isLost) {
    for (long p = pfn; p < pfn + pages; p++) {
      var _ = isLost ? lost.add(p) : lost.remove(p);
    }
  }

  /** Makes a hypercall from CPU {@code cpu}; returns x1. */
  long call(int cpu, Hypercall call, long a0, long a1, long a2, long a3) {
    if (!host.trace().enabled()) {
      return hyp.hostCall(cpu, call.number(), a0, a1, a2, a3);
    }
    host.trace().begin();
    long r = hyp.hostCall(cpu, call.number(), a0, a1, a2, a3);
    host.trace().end(event(call, new long[] {a0, a1, a2, a3}, r));
    return r;
  }

  private static TraceEvent event(Hypercall call, long[] args, long result) {
    StringJoiner operands = new StringJoiner(", ");
    for (int i = 0; i < call.arity(); i++) {
      operands.add("0x" + Long.toHexString(args[i]));
    }
    return new TraceEvent(
        TraceEvent.Kind.FIRMWARE,
        call.callName(),
        operands.toString(),
        result < 0 ? Errno.of((int) -result).name() : Long.toString(result));
  }

  /** Makes a hypercall whose result is an error or nothing. */
  Errno errno(int cpu, Hypercall call, long a0, long a1, long a2, long a3) {
    long r = call(cpu, call, a0, a1, a2, a3);
    return r < 0 ? Errno.of((int) -r) : Errno.OK;
  }

  /**
   * The host kernel touched a page through its own mapping, with no fixup for a fault: if EL2
   * refused, the page is taken back by force and the access goes on.
   *
   * <p>copy_from_user and its kin have a fixup and never get here: they answer EFAULT and the guest
   * keeps its page, as recorded. Source: {@code arch/arm64/mm/fault.c}, __do_kernel_fault,
   * is_spurious_el1_translation_fault; {@code arch/arm64/kvm/pkvm.c},
   * pkvm_force_reclaim_guest_page.
   */
  @Override
  public boolean takeBack(long pfn) {
    Errno e = errno(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, pfn << PageLevel.PAGE_SHIFT, 0, 0, 0);
    return e.ok() || e == Errno.EAGAIN;
  }

  /** Tells whether one page more may be charged to RLIMIT_MLOCK. */
  Errno mayCharge(VmContext vm) {
    long limit = memlockPages >= 0 ? memlockPages : vm.lockedPagesLimit();
    return limit >= 0 && vm.lockedPages() >= limit
        ? host.trace().refuse(Errno.ENOMEM, "the limit of locked pages is reached")
        : Errno.OK;
  }

  /** Charges a page to RLIMIT_MLOCK (account_locked_vm). */
  Errno charge(VmContext vm) {
    lock.lock();
    try {
      Errno e = mayCharge(vm);
      if (e.ok()) {
        lockedPages++;
        vm.accountLocked(1);
      }
      return e;
    } finally {
      lock.unlock();
    }
  }

  void uncharge(VmContext vm) {
    lock.lock();
    lockedPages--;
    vm.accountLocked(-1);
    lock.unlock();
  }

  @Override
  public long lockedPages() {
    return lockedPages;
  }

  /** Counts pages for stage-2 tables, whether in a table or a cache (kvm_account_pgtable_pages). */
  void accountTables(long pages) {
    lock.lock();
    tablePages += pages;
    lock.unlock();
  }

  @Override
  public long secondaryTablePages() {
    return tablePages;
  }

  int takeCpu() {
    lock.lock();
    try {
      for (int i = 1; i < CPUS; i++) {
        if (!cpuTaken[i]) {
          cpuTaken[i] = true;
          return i;
        }
      }
      return -1;
    } finally {
      lock.unlock();
    }
  }

  void giveCpu(int cpu) {
    lock.lock();
    cpuTaken[cpu] = false;
    lock.unlock();
  }

  void publish(HostVm vm) {
    lock.lock();
    vms.put(vm.pfn(), vm);
    lock.unlock();
  }

  void publish(HostVcpu vcpu) {
    lock.lock();
    vcpus.put(vcpu.pfn(), vcpu);
    lock.unlock();
  }

  /** Records that an order was broken, for {@link #checkInvariants}. */
  void report(String violation) {
    lock.lock();
    broken.add(violation);
    lock.unlock();
  }

  void forget(long pfn) {
    lock.lock();
    vms.remove(pfn);
    vcpus.remove(pfn);
    lock.unlock();
  }

  @Override
  public @Nullable HostVm vmAt(long pfn) {
    return vms.get(pfn);
  }

  @Override
  public @Nullable HostVcpu vcpuAt(long pfn) {
    return vcpus.get(pfn);
  }
}
