package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.view.TableSink;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The hypervisor at EL2: one per host.
 *
 * <p><b>State.</b> For every page: the host's state and EL2's state ({@link HypPages}), the host's
 * stage 2 with annotations that name owners ({@link HostStage2}), EL2's own mappings. For every VM:
 * its stage 2, whose leaves carry the guest's state. A page has one owner at any time; the other
 * components' states follow from the owner's.
 *
 * <p><b>Entry points.</b> {@link #hostCall} is the host's HVC; {@link #hostFault} and {@link
 * #check} are the host's memory accesses; {@link #guestWalk} and {@link #guestHvc} are what a
 * loaded vCPU does. Nothing else changes state, except the internal transitions that the self-test
 * drives.
 *
 * <p><b>Locks.</b> vm_table_lock, then host_mmu.lock, then pkvm_pgd_lock or a VM's lock. Memory
 * checks by {@link #check} read single words and take none, as hardware does.
 *
 * <p><b>Sources.</b> Linux 7.3, {@code arch/arm64/kvm/hyp/nvhe/}: mem_protect.c, pkvm.c,
 * hyp-main.c.
 */
public final class Hyp implements PhysicalGuard {
  /** {@link #guestWalk}: nothing maps the address; the host has to handle the abort. */
  public static final long WALK_TRANSLATION_FAULT = -1;

  /** {@link #guestWalk}: mapped, but not for this access. */
  public static final long WALK_PERMISSION_FAULT = -2;

  /** {@link #guestWalk}: beyond the VM's address size. */
  public static final long WALK_ADDRESS_SIZE_FAULT = -3;

  /** {@link #guestWalk}, {@link #hostCall} of VCPU_RUN: no vCPU is loaded here. */
  public static final long WALK_NOT_LOADED = -Errno.EINVAL.number();

  private static final long NOT_SUPPORTED = -1;

  /** The address size of the recorded host. */
  public static final Stage2Geometry RECORDED = new Stage2Geometry(44);

  private final Stage2Geometry geometry;
  private final MemProtect mp;
  private final HostTransitions hostTransitions;
  private final GuestTransitions guestTransitions;
  private final GuestCalls guestCalls;
  private final VmTable vms = new VmTable();
  private final HypCpu[] cpus;
  private final Interposer interposer;
  private final HypSteps steps;
  private final HostCalls calls;

  /**
   * Starts EL2 on a machine whose host owns all memory.
   *
   * @param map the memory regions
   * @param memory content of memory
   * @param cpus number of CPUs
   * @param structs how the host's structures are found
   */
  public Hyp(MemoryMap map, PhysicalMemory memory, int cpus, HostStructs structs) {
    this(map, memory, cpus, structs, RECORDED, Interposer.NONE, TraceSink.OFF, HypSteps.LINUX);
  }

  /**
   * Starts an EL2 that asks {@code interposer} before each hypercall of the host and tells {@code
   * trace} why it refuses one, whose guests have stage 2 tables of {@code geometry}, and that takes
   * its steps as {@code steps} has them; as {@link #Hyp(MemoryMap, PhysicalMemory, int,
   * HostStructs)}.
   */
  public Hyp(
      MemoryMap map,
      PhysicalMemory memory,
      int cpus,
      HostStructs structs,
      Stage2Geometry geometry,
      Interposer interposer,
      TraceSink trace,
      HypSteps steps) {
    this.geometry = geometry;
    this.interposer = interposer;
    this.steps = steps;
    mp = new MemProtect(map, memory, trace);
    hostTransitions = new HostTransitions(mp);
    guestTransitions = new GuestTransitions(mp, vms, steps);
    guestCalls = new GuestCalls(guestTransitions);
    this.cpus = new HypCpu[cpus];
    for (int i = 0; i < cpus; i++) {
      this.cpus[i] = new HypCpu();
    }
    VmLife life = new VmLife(mp, hostTransitions, vms, structs, this.cpus, geometry, steps);
    calls = new HostCalls(mp, hostTransitions, guestTransitions, life, this.cpus);
  }

  /** Returns the shape of every guest's stage 2. */
  public Stage2Geometry geometry() {
    return geometry;
  }

  /**
   * Takes a page of the host's for a stack of EL2's, while EL2 starts. Source: {@code
   * nvhe/setup.c}, fix_host_ownership.
   *
   * @throws HypPanic if the host does not own it alone
   */
  public void addStack(long pfn) {
    mp.addStack(pfn);
    if (steps.takesStacks() && !hostTransitions.donateHyp(pfn, 1).ok()) {
      throw new HypPanic("a stack lies in " + MemProtect.frame(pfn) + ", which is not the host's");
    }
  }

  /** Boots as the host does: every CPU gives up its privileges. */
  public void finalise() {
    for (int i = 0; i < cpus.length; i++) {
      hostCall(i, Hypercall.PROT_FINALIZE.number(), 0, 0, 0, 0);
    }
  }

  /**
   * The host's hypercall.
   *
   * @param cpu the CPU that makes it
   * @param id function id, see {@link Hypercall}
   * @return x1: the result or a negative errno; meaningless if {@link #x0} is -1
   */
  public long hostCall(int cpu, long id, long a0, long a1, long a2, long a3) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    HypCpu c = cpus[cpu];
    Hypercall call = Hypercall.of(id);
    if (call == null || !calls.allows(call)) {
      c.x0 = NOT_SUPPORTED;
      return 0;
    }
    c.x0 = 0;
    long instead = interposer.before(call, a0, a1, a2, a3);
    if (instead == Interposer.PROCEED) {
      return call.handler().answer(calls, cpu, a0, a1, a2, a3);
    }
    Errno e = mp.refuse(Errno.of((int) -instead), () -> call.callName() + " was not let through");
    return HostCalls.result(e);
  }

  /** Returns x0 of the last host call on a CPU: 0, or -1 if it was not dispatched. */
  public long x0(int cpu) {
    return cpus[cpu].x0;
  }

  /**
   * A stage-2 abort of the host: maps what it may have.
   *
   * @return OK or EEXIST: go on; EPERM: the host gets an abort with S1PTW set
   */
  public Errno hostFault(long pfn) {
    mp.hostLock.lock();
    try {
      return mp.host.fault(pfn);
    } finally {
      mp.hostLock.unlock();
    }
  }

  /**
   * Judges the host's accesses: whatever belongs to EL2 or to a guest alone faults. Devices pass,
   * since mainline keeps no IOMMU tables.
   */
  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    return switch (who.kind()) {
      case HOST_KERNEL, HOST_USER ->
          pfn < mp.pages.frames() && mp.pages.host(pfn) == PageState.NOPAGE
              ? Verdict.FAULT
              : Verdict.ALLOW;
      case GUEST, FIRMWARE, DEVICE -> Verdict.ALLOW;
    };
  }

  /** Tells whether a vCPU is loaded on a CPU. */
  public boolean isLoaded(int cpu) {
    return cpus[cpu].loaded != null;
  }

  /**
   * An access by the vCPU loaded on {@code cpu}.
   *
   * @param gpa guest-physical address in bytes
   * @param write true for a store
   * @param fetch true for an instruction fetch
   * @return the host-physical address, or one of the WALK constants
   */
  public long guestWalk(int cpu, long gpa, boolean write, boolean fetch) {
    HypVcpu v = cpus[cpu].loaded;
    if (v == null) {
      return WALK_NOT_LOADED;
    }
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    HypPageTable table = v.vm.stage2;
    v.exitIsTranslationAbort = false;
    if (!table.covers(gfn)) {
      return WALK_ADDRESS_SIZE_FAULT;
    }
    long pte = table.leaf(gfn);
    if (!Pte.valid(pte)) {
      v.exitIsTranslationAbort = true;
      v.faultIpa = gpa;
      return WALK_TRANSLATION_FAULT;
    }
    int needed = fetch ? Pte.X : write ? Pte.W : Pte.R;
    if ((Pte.prot(pte) & needed) == 0) {
      v.faultIpa = gpa;
      return WALK_PERMISSION_FAULT;
    }
    if ((pte & Pte.ACCESSED) == 0) {
      table.update(gfn, pte | Pte.ACCESSED);
    }
    return (table.translate(gfn) << PageLevel.PAGE_SHIFT) | (gpa & (PageLevel.PAGE_SIZE - 1));
  }

  /** A hypercall by the vCPU loaded on {@code cpu}. */
  public HvcOutcome guestHvc(int cpu, long fn, long a0, long a1, long a2) {
    HypCpu c = cpus[cpu];
    HypVcpu v = c.loaded;
    if (v == null) {
      throw new IllegalStateException("no vCPU is loaded on CPU " + cpu);
    }
    return guestCalls.call(c, v, fn, a0, a1, a2);
  }

  /** Returns x0 of the last guest hypercall that was answered on a CPU. */
  public long guestX0(int cpu) {
    return cpus[cpu].guestX0;
  }

  // Transitions that no hypercall reaches: EL2's own, and the secure world's.

  /** EL2 takes pages from the host for itself (memcaches, VM structures). */
  public Errno hostDonateHyp(long pfn, long n) {
    return hostTransitions.donateHyp(pfn, n);
  }

  /** EL2 returns pages to the host. */
  public Errno hypDonateHost(long pfn, long n) {
    return hostTransitions.hypDonateHost(pfn, n);
  }

  /** EL2 pins pages the host shared with it. */
  public Errno pinSharedMem(long pfn, long n) {
    return hostTransitions.pin(pfn, n);
  }

  /** EL2 drops pins taken with {@link #pinSharedMem}. */
  public void unpinSharedMem(long pfn, long n) {
    hostTransitions.unpin(pfn, n);
  }

  /** The FF-A proxy shares pages with the secure world. */
  public Errno hostShareFfa(long pfn, long n) {
    return hostTransitions.shareFfa(pfn, n);
  }

  /** The FF-A proxy takes pages back, trusting the secure world's list of them. */
  public Errno hostUnshareFfa(long pfn, long n) {
    return hostTransitions.unshareFfa(pfn, n);
  }

  // Inspection, for checkers and traces.

  /** Returns the host's state of a page. */
  public PageState hostState(long pfn) {
    return pfn < mp.pages.frames() ? mp.pages.host(pfn) : PageState.OWNED;
  }

  /** Returns EL2's state of a page. */
  public PageState hypState(long pfn) {
    return pfn < mp.pages.frames() ? mp.pages.hyp(pfn) : PageState.NOPAGE;
  }

  /** Returns a guest's state of an address; NOPAGE if the VM is unknown. */
  public PageState guestState(int handle, long gfn) {
    HypVm vm = vms.get(handle);
    return vm == null || !vm.stage2.covers(gfn) ? PageState.NOPAGE : Pte.state(vm.stage2.leaf(gfn));
  }

  /** Returns the frame a guest address translates to, or -1. */
  public long guestPfn(int handle, long gfn) {
    HypVm vm = vms.get(handle);
    return vm == null || !vm.stage2.covers(gfn) || !Pte.valid(vm.stage2.leaf(gfn))
        ? -1
        : vm.stage2.translate(gfn);
  }

  /** Returns how many pages the leaf that maps a guest address covers; 0 if nothing maps it. */
  public long guestMappingPages(int handle, long gfn) {
    HypVm vm = vms.get(handle);
    return vm == null || !vm.stage2.covers(gfn) || !Pte.valid(vm.stage2.leaf(gfn))
        ? 0
        : 1L << HypPageTable.shift(vm.stage2.leafLevel(gfn));
  }

  /** Returns how many pages a guest's stage 2 takes; 0 if the VM is unknown. */
  public long guestTablePages(int handle) {
    HypVm vm = vms.get(handle);
    return vm == null ? 0 : vm.stage2.tablePages();
  }

  /** Returns how often a page is pinned. */
  public int pinCount(long pfn) {
    return mp.pages.refcount(pfn);
  }

  /** Returns how many unprotected guests' mappings a page has. */
  public int guestShares(long pfn) {
    return mp.pages.guestShares(pfn);
  }

  /**
   * Returns the level at which the host's stage 2 maps a page (1 for 1 GiB to 3), or -1 where
   * nothing is mapped.
   */
  public int hostMappingLevel(long pfn) {
    return Pte.valid(mp.host.entry(pfn)) ? mp.host.level(pfn) : -1;
  }

  /** Returns whom the host's stage 2 names as a page's owner; HOST where it names nobody. */
  public Owner ownerOf(long pfn) {
    long pte = mp.host.entry(pfn);
    return Pte.valid(pte) ? Owner.HOST : Pte.owner(pte);
  }

  /** Tells whether EL2 maps a page. */
  public boolean isMappedAtHyp(long pfn) {
    return Pte.valid(mp.hyp.leaf(pfn));
  }

  /** Returns the number of pages in the initial state no more; 0 when nothing is lent or lost. */
  public long touchedPages() {
    long[] n = new long[1];
    mp.pages.forEachTouched(p -> n[0]++);
    return n[0];
  }

  /** Calls {@code each} for every page that is not the host's alone. */
  public void forEachHeldPage(LongConsumer each) {
    mp.pages.forEachTouched(each::accept);
  }

  /** Names the pages that the host gave for a VM itself; none if the VM is unknown. */
  public void forEachOwnPage(int handle, LongConsumer each) {
    HypVm vm = vms.get(handle);
    if (vm != null) {
      vm.forEachOwnPage(each);
    }
  }

  /** Shows the frames that are not the host's alone, by frame. */
  public void showFrames(TableSink.Entries into) {
    HypTables.frames(mp, into);
  }

  /** Shows a guest's stage 2, by gfn; nothing where there is no such VM. */
  public void showGuest(int handle, TableSink.Entries into) {
    HypTables.guest(vms, handle, into);
  }

  /** Returns the transitions below the hypercalls' own checks, for the self-test. */
  GuestTransitions guestTransitions() {
    return guestTransitions;
  }

  /** Returns the vCPU loaded on a CPU, for the self-test. */
  @Nullable HypVcpu loaded(int cpu) {
    return cpus[cpu].loaded;
  }

  /** Reports every broken invariant; see {@link HypInvariants}. */
  public void checkInvariants(Consumer<String> violation) {
    checkInvariants(_ -> false, violation);
  }

  /**
   * As {@link #checkInvariants(Consumer)}, those pages left out that the host counts as lost since
   * EL2 refused to give them back.
   */
  public void checkInvariants(LongPredicate lost, Consumer<String> violation) {
    new HypInvariants(mp, vms, lost).check(violation);
  }
}
