package dev.cocovisor.tdx.module;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.abi.VirtualizationException;
import dev.cocovisor.tdx.module.call.Leaves;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.Processor;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.Tdvps;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The TDX module of one host: the trusted half of Intel TDX.
 *
 * <p><b>What it holds.</b> A {@link Pamt} for each TDMR says what every page is and whose. A TD
 * ({@link Td}) hangs on its TDR page, a vCPU ({@link Tdvps}) on its TDVPR page, so handles are
 * host-physical addresses as in reality. A TD's Secure EPT is a tree of {@link SeptTable}s whose
 * entries are kept bit for bit. The key table says which HKID is whose.
 *
 * <p><b>States.</b> A TD has a life cycle (HKID assigned, keys configured, blocked, teardown) and,
 * while its keys are configured, an operation state (uninitialised, initialised, runnable). An
 * entry is free, a table, or a page that is mapped or pending, each of them possibly blocked
 * ({@link SeptState}). A page leaves a runnable TD only when it is blocked and tracked: every vCPU
 * that may hold a translation from before the block has been outside since.
 *
 * <p><b>Locks.</b> All are try-locks; nobody ever waits, a loser gets OPERAND_BUSY with the name of
 * the lock. Order: PAMT path of explicit pages, TDR, op state, Secure-EPT tree, entry, PAMT entry
 * of the page found, epoch. A leaf takes its locks in that order and gives all back at its end,
 * except VP.ENTER, which keeps TDVPR and TDR shared until the TD exit. The lock of an entry is
 * inside the entry and prefers the host: a host that failed leaves a mark that makes guests stand
 * back.
 *
 * <p><b>Calls.</b> {@link #seamcall} and {@link #tdcall} take and give registers; {@link #access}
 * is what the hardware does for a plain guest access; {@link #vmExit} ends a stay in the guest.
 * {@link SeamCalls} is the same with Java types. Nothing is allocated on the way of a page call.
 *
 * <p><b>Sources.</b> The behaviour is that of the module's own code, tag TDX_1.5.01, checked
 * against a recording of it; nested VMs, migration and service TDs are not modelled. Thread-safe as
 * the real one: each logical processor is driven by one thread at a time.
 */
public final class TdxModule {
  private static final long LEAF_MASK = 0xffff;
  private static final int VERSION_SHIFT = 16;
  private static final long VERSION_MASK = 0xff0000;

  private final PlatformConfig config;
  private final Interposer interposer;
  private final Leaves leaves;
  private final List<Pamt> pamts;

  /** What is kept for each processor that ever made a call; null for the others. */
  private volatile @Nullable Processor[] processors = new @Nullable Processor[0];

  private final AtomicBoolean growing = new AtomicBoolean();

  /**
   * Creates an initialised module (as after TDH.SYS.INIT and TDMR.INIT).
   *
   * @param config the machine
   * @param memory content of physical memory; a TD's pages are kept in plain and guarded
   * @param pamts one for each TDMR, all free
   */
  public TdxModule(PlatformConfig config, PhysicalMemory memory, List<Pamt> pamts) {
    this(config, memory, pamts, Interposer.NONE);
  }

  /**
   * Creates an initialised module that asks {@code interposer} before each SEAMCALL; as {@link
   * #TdxModule(PlatformConfig, PhysicalMemory, List)}.
   */
  public TdxModule(
      PlatformConfig config, PhysicalMemory memory, List<Pamt> pamts, Interposer interposer) {
    this.config = config;
    this.interposer = interposer;
    this.pamts = List.copyOf(pamts);
    leaves = new Leaves(config, memory, pamts.toArray(Pamt[]::new));
    addProcessors(config.processors());
  }

  /**
   * Makes sure that processors 0 to {@code count - 1} are there. Called by whoever brings
   * processors up, one caller at a time; calls on processors that exist may go on meanwhile.
   */
  public void addProcessors(int count) {
    lockGrowing();
    if (count > processors.length) {
      processors = Arrays.copyOf(processors, count);
    }
    growing.set(false);
  }

  /** A processor is driven by one thread at a time, so nobody else brings up the same. */
  Processor processor(int lp) {
    Processor p = processors[lp];
    if (p == null) {
      p = new Processor(lp);
      lockGrowing();
      processors[lp] = p;
      growing.set(false);
    }
    return p;
  }

  private void lockGrowing() {
    while (!growing.compareAndSet(false, true)) {
      Thread.onSpinWait();
    }
  }

  /** Returns the machine. */
  public PlatformConfig config() {
    return config;
  }

  /**
   * Makes a SEAMCALL.
   *
   * @param lp the logical processor it is made on, which must be outside a guest
   * @param r leaf and operands in, outputs out; RAX becomes the status
   * @return the status, or {@link SeamStatus#IN_GUEST}
   */
  public long seamcall(int lp, Registers r) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    long rax = r.rax;
    SeamCall leaf = SeamCall.of((int) (rax & LEAF_MASK));
    int version = (int) (rax & VERSION_MASK) >>> VERSION_SHIFT;
    long status;
    if ((rax & ~(LEAF_MASK | VERSION_MASK)) != 0 || leaf == null || !leaf.knows(version)) {
      status = SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    } else {
      status = call(leaf, version, processor(lp), r);
    }
    r.rax = status;
    return status;
  }

  /** Makes a SEAMCALL whose RAX needs no check. */
  long call(SeamCall leaf, int version, Processor lp, Registers r) {
    long instead = interposer.before(leaf, r.rcx, r.rdx, r.r8, r.r9);
    if (instead != Interposer.PROCEED) {
      return instead;
    }
    return leaves.seamcall(leaf, version, lp, r);
  }

  /**
   * Makes a TDCALL on a processor that is inside a guest.
   *
   * @param r leaf and operands in, outputs out; meaningful when {@link GuestOutcome#DONE}
   */
  public GuestOutcome tdcall(int lp, Registers r) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    return leaves.tdcall(processor(lp), r);
  }

  /** Makes a plain guest access; on DONE the address reached is {@link #translated}. */
  public GuestOutcome access(int lp, long gpa, AccessKind kind) {
    return leaves.access(processor(lp), gpa, kind);
  }

  /** Ends a stay in the guest for a VMX exit reason of the host's own making (an interrupt). */
  public void vmExit(int lp, long reason) {
    leaves.vmExit(processor(lp), reason);
  }

  /**
   * Ends a stay in the guest for what the processor did by itself.
   *
   * @param reason the 32 bits of the VMX exit reason, bit 26 for a bus lock on the way
   * @param qualification the exit qualification
   * @param interruption the interruption information, 0 where the exit has none
   */
  public void vmExit(int lp, long reason, long qualification, long interruption) {
    leaves.vmExit(processor(lp), reason, qualification, interruption);
  }

  /** Returns what the host found in its registers at this processor's last TD exit. */
  public Registers exitRegisters(int lp) {
    return processor(lp).exitRegisters();
  }

  /** Returns what the guest found about its last #VE on this processor. */
  public VirtualizationException exception(int lp) {
    return processor(lp).exception();
  }

  /** Returns the host-physical address of this processor's last successful guest access. */
  public long translated(int lp) {
    return processor(lp).translated();
  }

  /** Tells whether the last VP.ENTER on a processor dropped its translations of the TD. */
  public boolean droppedTranslations(int lp) {
    return processor(lp).droppedTranslations();
  }

  /** Returns the vCPU a processor is inside of, or null. */
  public @Nullable Tdvps inside(int lp) {
    return processor(lp).inside();
  }

  /** Sets where a processor's long calls look for interrupts. */
  public void setInterrupts(int lp, PendingInterrupts interrupts) {
    processor(lp).setInterrupts(interrupts);
  }

  /** Returns the PAMT of the TDMR around an address, or null outside all. */
  public @Nullable Pamt pamt(long hpa) {
    return leaves.pamt(hpa);
  }

  void forEachPamt(Consumer<Pamt> each) {
    pamts.forEach(each);
  }

  /** Returns a probe that holds single locks from outside, as another call would. */
  public LockProbe lockProbe() {
    return new LockProbe(leaves);
  }

  /** Returns the TD whose TDR page is at an address, or null. */
  public @Nullable Td td(long tdr) {
    Pamt p = pamt(tdr);
    return p != null && p.control(tdr) instanceof Td td ? td : null;
  }

  /** Returns the vCPU whose TDVPR page is at an address, or null. */
  public @Nullable Tdvps vcpu(long tdvpr) {
    Pamt p = pamt(tdvpr);
    return p != null && p.control(tdvpr) instanceof Tdvps v ? v : null;
  }

  /**
   * Returns the memory controller's say: a TD's page reads as ciphertext to all but that TD and is
   * poisoned by their writes; a page that left a TD stays ciphertext until PHYMEM.PAGE.WBINVD.
   */
  public PhysicalGuard guard() {
    return this::judge;
  }

  private PhysicalGuard.Verdict judge(Accessor who, long pfn, boolean write) {
    long hpa = pfn << PageLevel.PAGE_SHIFT;
    Pamt p = leaves.pamt(hpa);
    if (p == null || who.kind() == Accessor.Kind.FIRMWARE) {
      return PhysicalGuard.Verdict.ALLOW;
    }
    int size = p.sizeOf(hpa);
    int type = p.type(size, hpa);
    if (type == PageType.NDA || type == PageType.RSVD) {
      boolean cipher = !write && leaves.cipher(hpa).isStale(pfn);
      return cipher ? PhysicalGuard.Verdict.CIPHER : PhysicalGuard.Verdict.ALLOW;
    }
    if (who.kind() == Accessor.Kind.GUEST && owns(p, size, hpa, who.key())) {
      return PhysicalGuard.Verdict.ALLOW;
    }
    if (!write) {
      return PhysicalGuard.Verdict.CIPHER;
    }
    leaves.cipher(hpa).poison(pfn);
    return PhysicalGuard.Verdict.POISON;
  }

  /** Says whose page a frame is by its PAMT entry; null where no TD has it. */
  public @Nullable String ownerOf(long pfn) {
    long hpa = pfn << PageLevel.PAGE_SHIFT;
    Pamt p = pamt(hpa);
    if (p == null) {
      return null;
    }
    int size = p.sizeOf(hpa);
    int type = p.type(size, hpa);
    if (type == PageType.NDA || type == PageType.RSVD) {
      return null;
    }
    Td td = td(p.owner(size, hpa));
    return PageType.name(type) + " page" + (td == null ? "" : " of the TD with HKID " + td.hkid());
  }

  private boolean owns(Pamt p, int size, long hpa, int key) {
    if (p.type(size, hpa) != PageType.REG) {
      return false;
    }
    Td td = td(p.owner(size, hpa));
    return td != null && td.hkid() == key && td.lifecycle() <= Td.BLOCKED;
  }
}
