package dev.cocovisor.tdx.module.td;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.tdx.module.sept.SeptTable;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A TD as the module sees it: what TDR and TDCS hold.
 *
 * <p>Counters that calls with a shared TDR lock change are atomic; everything else changes under an
 * exclusive TDR lock or the lock named beside it.
 */
public final class Td {
  /** Life-cycle state: the HKID is assigned, no key yet. */
  public static final int HKID_ASSIGNED = 0;

  /** Life-cycle state: keys are configured; the only one in which the TD can be used. */
  public static final int KEYS_CONFIGURED = 1;

  /** Life-cycle state: all vCPUs are flushed for good. */
  public static final int BLOCKED = 2;

  /** Life-cycle state: the HKID is free and pages can be reclaimed. */
  public static final int TEARDOWN = 3;

  /** Operation state: not initialised. */
  public static final int UNINITIALIZED = 0;

  /** Operation state: initialised, being built. */
  public static final int INITIALIZED = 1;

  /** Operation state: finalised. */
  public static final int RUNNABLE = 2;

  private static final VarHandle REF0;
  private static final VarHandle REF1;
  private static final VarHandle VCPUS;
  private static final VarHandle ASSOCIATED;

  static {
    try {
      var lookup = MethodHandles.lookup();
      REF0 = lookup.findVarHandle(Td.class, "ref0", int.class);
      REF1 = lookup.findVarHandle(Td.class, "ref1", int.class);
      VCPUS = lookup.findVarHandle(Td.class, "vcpus", int.class);
      ASSOCIATED = lookup.findVarHandle(Td.class, "associated", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // Every call that adds a page shares the first two.

  /** Shared by calls that rely on the operation state. */
  public final ModelLock opStateLock = ModelLock.manyReaders("TDCS.OP_STATE");

  /** Exclusive to calls that take tables away or block. */
  public final ModelLock treeLock = ModelLock.manyReaders("TDCS.SECURE_EPT");

  /** Exclusive to TRACK. */
  public final ModelLock epochLock = new ModelLock("TDCS.TD_EPOCH");

  private final StripedCount children = new StripedCount();

  private final long tdr;
  private final int hkid;

  /** Life-cycle state; changes under an exclusive TDR lock. */
  public volatile int lifecycle = HKID_ASSIGNED;

  /** Operation state; changes under an exclusive TDR lock. */
  public volatile int opState = UNINITIALIZED;

  /** Whether a machine check ended the TD. */
  public volatile boolean fatal;

  /** TLB epoch; changes under {@link #epochLock}. */
  public volatile long epoch;

  private volatile int ref0;
  private volatile int ref1;
  private volatile int vcpus;
  private volatile int associated;

  /** How many TDCX pages were added. */
  public int tdcxPages;

  /** The TDCX page that is the Secure-EPT root. */
  public long rootHpa;

  /** The root table, once initialised. */
  public @Nullable SeptTable root;

  /** The measurement of the build. */
  public Mrtd mrtdInProgress = new Mrtd();

  /** The final measurement. */
  public byte @Nullable [] mrtd;

  /** What MNG.INIT was given. */
  public TdParams params = TdParams.NONE;

  /** What the TD finds in CPUID, once initialised. */
  public @Nullable CpuidValues cpuid;

  /** Takes over TD_PARAMS that were checked. */
  public void configure(byte[] raw, TdParams checked) {
    params = checked;
    cpuid = CpuidValues.of(raw, checked);
  }

  /** Creates a TD without keys. */
  public Td(long tdr, int hkid) {
    this.tdr = tdr;
    this.hkid = hkid;
  }

  /** Returns the address of the TDR page, the TD's handle. */
  public long tdr() {
    return tdr;
  }

  /** Returns the private HKID the TD was created with. */
  public int hkid() {
    return hkid;
  }

  /** Returns the life-cycle state, 0 to 3. */
  public int lifecycle() {
    return lifecycle;
  }

  /** Returns the operation state, 0 to 10. */
  public int opState() {
    return opState;
  }

  /** Returns the TLB epoch; 0 before MNG.INIT. */
  public long epoch() {
    return epoch;
  }

  /** Returns the vCPUs inside the guest that entered in an epoch of this parity (0 or 1). */
  public int references(int parity) {
    return parity == 0 ? ref0 : ref1;
  }

  /** Returns the pages that belong to the TD besides its TDR, in 4 KiB units. */
  public long children() {
    return children.sum();
  }

  /** Returns the parameters given to MNG.INIT. */
  public TdParams params() {
    return params;
  }

  /** Returns the root table, or null before MNG.INIT. */
  public @Nullable SeptTable root() {
    return root;
  }

  /** Returns the 48 bytes of the final measurement, or null before MR.FINALIZE. */
  public byte @Nullable [] mrtd() {
    return mrtd == null ? null : mrtd.clone();
  }

  /** Marks the TD as met by a fatal error, as a machine check on its memory does. */
  public void markFatal() {
    fatal = true;
  }

  /** Returns the root table of an initialised TD. */
  public SeptTable rootTable() {
    SeptTable r = root;
    if (r == null) {
      throw new IllegalStateException("a walk before MNG.INIT");
    }
    return r;
  }

  /** Counts pages that came or went, on a processor of a group. */
  public void addChildren(int group, long pages) {
    children.add(group, pages);
  }

  /** Returns how many vCPUs were initialised. */
  public int vcpus() {
    return vcpus;
  }

  /** Takes the next vCPU index, or -1 if there are {@code max}. */
  public int takeVcpuIndex(int max) {
    while (true) {
      int n = vcpus;
      if (n >= max) {
        return -1;
      }
      if (VCPUS.compareAndSet(this, n, n + 1)) {
        return n;
      }
    }
  }

  /** Returns how many vCPUs are associated with a processor. */
  public int associated() {
    return associated;
  }

  /** Counts vCPUs that were associated or flushed. */
  public void addAssociated(int n) {
    ASSOCIATED.getAndAdd(this, n);
  }

  /** Counts vCPUs that entered in an epoch or left. */
  public void reference(long inEpoch, int n) {
    ((inEpoch & 1) == 0 ? REF0 : REF1).getAndAdd(this, n);
  }

  /**
   * Tells whether no processor can hold a translation older than a block made in {@code bepoch}.
   *
   * <p>Source: TDX module 1.5.01, {@code helpers.h}, is_tlb_tracked.
   */
  public boolean tracked(long bepoch) {
    if (bepoch < 0) {
      return false;
    }
    long now = epoch;
    return bepoch < now - 1 || (bepoch == now - 1 && references((int) (bepoch & 1)) == 0);
  }
}
