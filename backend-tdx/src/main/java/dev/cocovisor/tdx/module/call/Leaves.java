package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.keys.CipherState;
import dev.cocovisor.tdx.module.keys.KeyTable;
import dev.cocovisor.tdx.module.pamt.Pamt;
import org.jspecify.annotations.Nullable;

/** What the rows of {@link SeamCall} and {@link TdCall} work with: one for each module. */
public final class Leaves {
  private final Checks checks;
  final TdLifecycle tds;
  final VcpuLifecycle vcpus;
  final SeptCalls sept;
  final PageCalls pages;
  final SizeCalls sizes;
  final RangeCalls ranges;
  final MeasureCalls measure;
  final PhymemCalls phymem;
  final GuestEntry entry;
  private final GuestCalls guest;

  /**
   * Creates the leaves of an initialised module.
   *
   * @param config the machine
   * @param memory content of physical memory
   * @param pamts one for each TDMR
   */
  public Leaves(PlatformConfig config, PhysicalMemory memory, Pamt[] pamts) {
    KeyTable keys = new KeyTable(config);
    checks = new Checks(config, pamts);
    tds = new TdLifecycle(checks, keys, memory, config);
    vcpus = new VcpuLifecycle(checks);
    sept = new SeptCalls(checks);
    pages = new PageCalls(checks, memory, tds);
    sizes = new SizeCalls(checks);
    ranges = new RangeCalls(checks);
    measure = new MeasureCalls(checks, memory);
    phymem = new PhymemCalls(checks, keys, config, memory);
    entry = new GuestEntry(checks, vcpus);
    guest = new GuestCalls(checks, memory, entry);
  }

  /** Carries a SEAMCALL out on a processor, and gives back every lock it took. */
  public long seamcall(SeamCall leaf, int version, Processor lp, Registers r) {
    Frame f = lp.frame;
    try {
      return leaf.handle(this, f, r, lp, version);
    } finally {
      f.releaseAll();
    }
  }

  /** Carries a TDCALL out on a processor that is inside a guest. */
  public GuestOutcome tdcall(Processor lp, Registers r) {
    return guest.tdcall(lp, r);
  }

  /** Makes a plain guest access. */
  public GuestOutcome access(Processor lp, long gpa, AccessKind kind) {
    return guest.access(lp, gpa, kind);
  }

  /** Ends a stay in the guest for a reason of the host's own making. */
  public void vmExit(Processor lp, long reason) {
    GuestEntry.onVmExit(lp);
    entry.exit(lp, reason, 0, 0, 0);
  }

  /** Ends a stay in the guest for what the processor did; see {@link ProcessorExits}. */
  public void vmExit(Processor lp, long reason, long qualification, long interruption) {
    GuestEntry.onVmExit(lp);
    ProcessorExits.exit(entry, lp, reason, qualification, interruption);
  }

  /** Returns the PAMT of the TDMR around an address, or null outside all. */
  public @Nullable Pamt pamt(long hpa) {
    return checks.pamtOf(hpa);
  }

  /** Returns whose key the frames of the TDMR around an address hold. */
  public CipherState cipher(long hpa) {
    return checks.cipher(hpa);
  }
}
