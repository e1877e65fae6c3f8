package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;
import dev.cocovisor.core.slot.DirtyRing;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/**
 * One vCPU: mutex, pending requests, cached translations, the exit of the last run.
 *
 * <p>A run is one {@link GuestAction}. On x86 the guest first fetches from its code page, then
 * acts, then halts; elsewhere it just acts. Source of the loop: {@code arch/x86/kvm/x86.c},
 * vcpu_run and vcpu_enter_guest.
 */
public final class Vcpu implements VcpuContext {
  /** Where in the code page the guest's three little programs start. */
  private static final int READ_CODE = 16;

  /** The guest's RSM. */
  private static final String LEAVE_SMM = "rsm";

  private static final int WRITE_CODE = 0;
  private static final int HYPERCALL_CODE = 32;

  private final Vm vm;
  private final int id;
  private final int cpu;
  private final ModelLock mutex = new ModelLock("vcpu->mutex");
  private final VcpuRequests requests;
  private final TlbModel tlb;
  private final PageFault fault = new PageFault();
  private final PageFault neighbour = new PageFault();
  private final VcpuPages pages;
  private final AccessPath guestAccess;
  private final VcpuRoot root;
  private boolean prefaultNeverReturned;
  private final Hypercalls hypercalls;
  private final Smm smm;
  private boolean svmEnabled;
  private @Nullable Object vendorState;
  private @Nullable Exit exit;
  private @Nullable GuestAction action;
  private @Nullable RunResult lastRun;
  private @Nullable MemSlot lastSlot;
  private @Nullable MemSlots lastSlots;
  private boolean guestMode;
  private int asId;
  private SecondStage stage;
  private int srcu;
  private final ArrayList<BackingStore> toRelease = new ArrayList<>();

  Vcpu(Vm vm, int id, int cpu) {
    this.vm = vm;
    this.id = id;
    this.cpu = cpu;
    this.requests = new VcpuRequests(id);
    this.tlb = vm.parts().tlb().create(vm.id(), id);
    this.guestAccess =
        vm.rules().emulatesGuests() ? new EmulatedAccess(vm, this) : new GuestAccess(vm, this);
    this.root = new VcpuRoot(vm);
    this.pages = new VcpuPages(vm);
    this.stage = vm.stage();
    this.hypercalls = new Hypercalls(vm, this);
    this.smm = new Smm(vm, this);
  }

  /** Returns the VM. */
  public Vm machine() {
    return vm;
  }

  /** Returns the pages that a process can map of the vCPU's descriptor. */
  public VcpuPages pages() {
    return pages;
  }

  /** Makes the ring of dirty pages where the VM has them. */
  Errno allocateRing(long bytes) {
    Errno r = pages.allocateRing(bytes);
    fault.ring = pages.ring();
    neighbour.ring = pages.ring();
    return r;
  }

  /**
   * The ring of dirty pages is nearly full: userspace has to take from it before the guest runs.
   */
  boolean dirtyRingFull() {
    DirtyRing ring = pages.ring();
    if (ring == null || !ring.keepsOut()) {
      return false;
    }
    exit = new Exit.DirtyRingFull();
    return true;
  }

  /** Runs the guest once (KVM_RUN). */
  public RunResult run(GuestAction wanted) {
    mutex.lock();
    try {
      exit = null;
      action = wanted;
      RunResult r = entered(wanted);
      lastRun = r;
      return r;
    } finally {
      unlock();
    }
  }

  private RunResult entered(GuestAction wanted) {
    if (vm.isDead()) {
      return new RunResult(Errno.EIO, new Exit.Unknown());
    }
    if (dirtyRingFull()) {
      return ended(GuestAccess.EXITED);
    }
    if (!vm.mayLoadRoots()) {
      return ended(-Errno.ENOSPC.number());
    }
    readSlots();
    try {
      root.run();
      if (!smm.deliver()) {
        return ended(-Errno.EIO.number());
      }
      Errno r = vm.ops().vcpuPreRun(this);
      return r.ok() ? act(wanted) : ended(-r.number());
    } finally {
      slotsRead();
    }
  }

  private RunResult act(GuestAction wanted) {
    return switch (wanted) {
      case GuestAction.Read a ->
          completed(fetchedThen(a.code(), READ_CODE, a.encrypted(), a.gpa(), Access.READ, 0), true);
      case GuestAction.Write a ->
          completed(
              fetchedThen(a.code(), WRITE_CODE, a.encrypted(), a.gpa(), Access.WRITE, a.value()),
              false);
      case GuestAction.Fetch a ->
          completed(guestAccess.access(a.gpa(), Access.FETCH, 0, a.encrypted()), true);
      case GuestAction.Hypercall a -> {
        long r = fetch(a.code(), HYPERCALL_CODE, true);
        yield r < 0 ? ended(r) : hypercalls.call(a.nr(), a.args(), a.code());
      }
      case GuestAction.Resume a -> {
        RunResult r = vm.ops().resume(this, a.ret());
        yield r == null ? hypercalls.resume(a.ret()) : r;
      }
      case GuestAction.Vendor a when a.name().equals(LEAVE_SMM) -> smm.leave();
      case GuestAction.Vendor a -> {
        RunResult r = vm.ops().guestAction(this, a);
        yield r == null ? new RunResult(Errno.EINVAL, new Exit.Unknown()) : r;
      }
      default ->
          throw new IllegalArgumentException("unknown action " + wanted.getClass().getName());
    };
  }

  private long fetchedThen(
      long code, int offset, boolean encrypted, long gpa, Access access, int value) {
    long r = fetch(code, offset, encrypted);
    return r < 0 ? r : guestAccess.access(gpa, access, value, encrypted);
  }

  long fetch(long code, int offset, boolean encrypted) {
    return code == GuestAction.NO_CODE
        ? 0
        : guestAccess.access(code + offset, Access.FETCH, 0, encrypted);
  }

  long fetchHypercall(long code) {
    return fetch(code, HYPERCALL_CODE, true);
  }

  /**
   * Touches one byte without the rest of a run, as benchmarks and explorers do; allocates nothing
   * unless it ends in an exit.
   *
   * @return 0 to 255, or a negative errno, or {@link GuestAccess#EXITED}
   */
  public long touch(long gpa, Access access, int value) {
    mutex.lock();
    try {
      readSlots();
      try {
        return guestAccess.access(gpa, access, value, true);
      } finally {
        slotsRead();
      }
    } finally {
      unlock();
    }
  }

  /** One access in the course of a run, which holds the mutex. */
  long access(long gpa, Access access, int value) {
    return guestAccess.access(gpa, access, value, true);
  }

  private RunResult completed(long r, boolean hasValue) {
    return r < 0 ? ended(r) : halted(hasValue ? r : -1);
  }

  /** The action is done: an x86 guest halts, others go on. */
  RunResult halted(long value) {
    return RunResult.ok(
        vm.host().architecture().equals(Architecture.X86_64)
            ? new Exit.Hlt(value)
            : new Exit.Done(value));
  }

  /** The run ends with what was set, or with no described exit. */
  RunResult ended(long r) {
    return RunResult.of(r == GuestAccess.EXITED ? Errno.OK : Errno.of((int) -r), exit);
  }

  /** KVM_PRE_FAULT_MEMORY, or KVM_MAP_MEMORY. */
  public long prefault(long flags, long[] range, boolean mapMemory) {
    mutex.lock();
    try {
      exit = null;
      prefaultNeverReturned = false;
      readSlots();
      try {
        return vm.prefault(this, flags, range, mapMemory);
      } finally {
        slotsRead();
      }
    } finally {
      unlock();
    }
  }

  /**
   * Tells whether the last pre-population would never have returned: it was ended as by a signal,
   * with EINTR.
   */
  public boolean prefaultNeverReturned() {
    return prefaultNeverReturned;
  }

  /** Pre-population goes round for ever: as if a signal came at last. */
  void neverReturns() {
    prefaultNeverReturned = true;
  }

  VcpuRoot root() {
    return root;
  }

  /** Runs {@code body} with the vCPU's mutex held, for vendor ioctls. */
  public long locked(java.util.function.LongSupplier body) {
    mutex.lock();
    try {
      return body.getAsLong();
    } finally {
      unlock();
    }
  }

  /** Returns the address space of slots that the vCPU sees: 0, or 1 in SMM. */
  int asId() {
    return asId;
  }

  /** Returns the roots that the vCPU walks. */
  SecondStage stage() {
    return stage;
  }

  /** Returns the slots that the vCPU sees (kvm_vcpu_memslots). */
  MemSlots slots() {
    return vm.slotsOf(asId);
  }

  /** Returns what SMIs and RSM do. */
  public Smm smm() {
    return smm;
  }

  /** EFER.SVME was set, without which a vCPU has no guests of its own. */
  public void setSvmEnabled(boolean enabled) {
    svmEnabled = enabled;
  }

  /** Tells whether {@link #setSvmEnabled} said so. */
  public boolean isSvmEnabled() {
    return svmEnabled;
  }

  /** Tells whether the vCPU is in system management mode. */
  public boolean inSmm() {
    return asId != 0;
  }

  /**
   * Enters or leaves system management mode: the vCPU sees the slots of the other address space,
   * under roots of their own, and caches nothing of the one before. Its mutex is held. Source:
   * {@code arch/x86/kvm/smm.c} (7.3), kvm_smm_changed.
   */
  public void setSmm(boolean smm) {
    asId = smm ? 1 : 0;
    stage = smm ? vm.secondStages().ofSmm() : vm.stage();
    lastSlots = null;
    lastSlot = null;
    tlb.flush();
  }

  /** Puts the vCPU into or out of a nested guest. */
  public void setGuestMode(boolean nested) {
    guestMode = nested;
  }

  /**
   * Gives a file's reference up once the vCPU holds no lock any more, as a task gives files up on
   * its way to userspace. Source: {@code fs/file_table.c}, fput.
   */
  void releaseLater(BackingStore store) {
    toRelease.add(store);
  }

  /** Tells whether the vCPU has a reference of a file that it gives up later. */
  boolean keeps(BackingStore store) {
    return toRelease.contains(store);
  }

  private void unlock() {
    mutex.unlock();
    release();
  }

  /** For what is mapped for the vCPU outside its own calls, by a vendor's ioctl on the VM. */
  void releaseUnlessRunning() {
    if (!mutex.held()) {
      release();
    }
  }

  private void release() {
    while (!toRelease.isEmpty()) {
      toRelease.removeLast().release();
    }
  }

  PageFault fault() {
    return fault;
  }

  /** Returns a fault of its own for what is mapped beside another. */
  PageFault neighbour() {
    return neighbour;
  }

  TlbModel tlb() {
    return tlb;
  }

  /** Returns what others want of the vCPU. */
  VcpuRequests requests() {
    return requests;
  }

  /** Serves pending requests before the guest is entered. */
  void serveRequests() {
    if (requests.take()) {
      tlb.flush();
    }
  }

  boolean flushPending() {
    return requests.flushPending();
  }

  /** Begins the part of a call in which slots are used (kvm_vcpu_srcu_read_lock). */
  void readSlots() {
    srcu = vm.srcu().readLock();
  }

  /** Ends that part (kvm_vcpu_srcu_read_unlock). */
  void slotsRead() {
    vm.srcu().readUnlock(srcu);
  }

  /** Tells whether the calling thread or actor runs the vCPU. */
  boolean isMine() {
    return mutex.heldExclusive();
  }

  ModelLock mutex() {
    return mutex;
  }

  /**
   * A signal comes for the thread that runs the vCPU: KVM_RUN and pre-population answer EINTR at
   * the next place where they look.
   */
  public void signal() {
    requests.signal();
  }

  /** Finds a slot, trying the last one first (kvm_vcpu_gfn_to_memslot). */
  @Nullable MemSlot slotOf(long gfn) {
    MemSlots now = slots();
    MemSlot last = lastSlot;
    if (last != null && lastSlots == now && gfn >= last.baseGfn() && gfn < last.endGfn()) {
      return last;
    }
    MemSlot found = now.find(gfn);
    lastSlots = now;
    lastSlot = found;
    return found;
  }

  @Override
  public int id() {
    return id;
  }

  @Override
  public VmContext vm() {
    return vm.context();
  }

  @Override
  public int cpu() {
    return cpu;
  }

  @Override
  public void assertLocked() {
    mutex.assertExclusive();
  }

  @Override
  public boolean inGuestMode() {
    return guestMode;
  }

  @Override
  public @Nullable Object vendorState() {
    return vendorState;
  }

  @Override
  public void setVendorState(@Nullable Object state) {
    vendorState = state;
  }

  @Override
  public void setExit(Exit e) {
    exit = e;
  }

  @Override
  public @Nullable Exit exit() {
    return exit;
  }

  @Override
  public @Nullable GuestAction action() {
    return action;
  }

  @Override
  public @Nullable RunResult lastRun() {
    return lastRun;
  }

  @Override
  public void kick() {
    vm.traceCore("kick", 0, 0);
    requests.requestExit();
    if (!isMine()) {
      requests.awaitOutside();
    }
  }

  @Override
  public Errno enterGuest() {
    if (requests.enter()) {
      return Errno.OK;
    }
    Errno r = askedFor();
    return r.ok() ? Errno.EAGAIN : r;
  }

  /** Does what was asked of the vCPU; EINTR, with the exit set, where it was a signal. */
  private Errno askedFor() {
    if (requests.takeSignal()) {
      exit = new Exit.Interrupted();
      return Errno.EINTR;
    }
    serveRequests();
    return Errno.OK;
  }

  @Override
  public void leaveGuest() {
    requests.leave();
  }

  @Override
  public Errno goRound(long gfn, long tries) {
    if (tries > vm.rules().retries()) {
      exit = new Exit.Interrupted();
      return vm.gaveUp(this, gfn, tries);
    }
    // The first time round what the guest left for was done: it waits for nobody yet.
    letOthersGo(gfn, tries - 1);
    return vm.isDead() ? Errno.EIO : askedFor();
  }

  /**
   * On its way into the guest and out again a vCPU lets slot updates go on.
   *
   * @param tries how often it tried in vain
   */
  void letOthersGo(long gfn, long tries) {
    slotsRead();
    try {
      if (tries > 0) {
        SchedulePoint.retry(vm.invalidation(), gfn, tries);
      }
    } finally {
      // Whoever abandons the run leaves by the sections it is in.
      readSlots();
    }
  }

  @Override
  public void requestTlbFlush() {
    requests.requestFlush();
  }

  static long pageOf(long gpa) {
    return gpa >>> PageLevel.PAGE_SHIFT;
  }
}
