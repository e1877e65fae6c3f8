package dev.cocovisor.tdx.module.td;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** A vCPU as the module sees it: what TDVPR and its TDCX pages hold. */
public final class Tdvps {
  /** Not initialised. */
  public static final int UNINITIALIZED = 0;

  /** Outside the guest, ready to be entered. */
  public static final int READY = 1;

  /** Inside the guest. */
  public static final int ACTIVE = 2;

  /** Never to be entered again. */
  public static final int DISABLED = 3;

  private static final VarHandle PROCESSOR;

  static {
    try {
      PROCESSOR = MethodHandles.lookup().findVarHandle(Tdvps.class, "processor", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final long tdvpr;
  private final Td td;

  /** Whether the vCPU is initialised, and inside. */
  public volatile int state = UNINITIALIZED;

  /** The processor the vCPU is associated with, or -1. */
  private volatile int processor = -1;

  /** How many TDCX pages were added. */
  public int tdcxPages;

  /** Its number within the TD, -1 before VP.INIT. */
  public int index = -1;

  /** The TLB epoch of the last entry. */
  public long lastEpoch;

  /** Whether the next entry must drop translations: the vCPU came from elsewhere. */
  public boolean flushOnEntry;

  /** Against stepping it by faults. */
  public final StepGuard stepGuard = new StepGuard();

  /**
   * Where the guest is: only compared for equality, to see whether it made progress between two
   * exits. The driver of the guest advances it.
   */
  private long rip;

  /** Creates a vCPU without control pages. */
  public Tdvps(long tdvpr, Td td) {
    this.tdvpr = tdvpr;
    this.td = td;
  }

  /** Returns the address of the TDVPR page, the vCPU's handle. */
  public long tdvpr() {
    return tdvpr;
  }

  /** Returns the TD. */
  public Td td() {
    return td;
  }

  /** Returns {@link #UNINITIALIZED}, {@link #READY} or {@link #ACTIVE}. */
  public int state() {
    return state;
  }

  /** Returns the associated processor, or -1. */
  public int processor() {
    return processor;
  }

  /** Returns where the guest is. */
  public long rip() {
    return rip;
  }

  /** Lets the guest complete an instruction. */
  public void advanceRip() {
    rip++;
  }

  /** Associates the vCPU with a processor, unless it is with another. */
  public boolean associate(int lp) {
    return processor == lp || PROCESSOR.compareAndSet(this, -1, lp);
  }

  /** Ends the association. */
  public void dissociate() {
    processor = -1;
  }
}
