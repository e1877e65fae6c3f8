package dev.cocovisor.snp.psp;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.rmp.FirmwarePort;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The SEV-SNP firmware: guest contexts, launch, and the page states only it may change.
 *
 * <p>One command runs at a time; the mailbox lock is the processor's. Commands check their
 * arguments and answer the first failure. The firmware document gives the checks of each command;
 * where two of them fail at once it does not always say which is answered, and this model always
 * asks in the order: platform state, address of the context, context, guest state, parameters, page
 * (coverage, size, state, owner), policy. That order is this model's choice.
 *
 * <p>Content: memory holds what its owner sees, and the RMP guard decides who sees ciphertext
 * instead, so "encrypt in place" changes no byte here.
 *
 * <p>Source: AMD's SNP firmware ABI document (56860) as {@code include/linux/psp-sev.h} and the
 * page state table show it.
 */
public final class SnpFirmware {
  /** The ABI version this firmware offers: major in 15:8, minor in 7:0. */
  public static final int ABI_VERSION = 1 << 8 | 55;

  private final FirmwarePort port;
  private final PageCommands pages;
  private final LaunchPages launchPages;
  private final Rmp rmp;
  private final boolean smt;
  private final Interposer interposer;
  private final ModelLock mailbox = new ModelLock("psp mailbox");
  private final Map<Long, GuestContext> contexts = new HashMap<>();
  private final BitSet unflushed = new BitSet();
  private final Map<Integer, Long> owners = new HashMap<>();
  private boolean initialized;
  private boolean cachesWritten = true;
  private long serials;

  /**
   * Creates firmware that is not initialised yet.
   *
   * @param memory raw physical memory
   * @param rmp the machine's RMP
   * @param smt true if simultaneous multithreading is on
   * @param interposer asked before each command
   */
  public SnpFirmware(PhysicalMemory memory, Rmp rmp, boolean smt, Interposer interposer) {
    this.interposer = interposer;
    this.rmp = rmp;
    this.port = new FirmwarePort(rmp);
    this.smt = smt;
    this.pages = new PageCommands(this, memory, port);
    this.launchPages = new LaunchPages(memory, port);
  }

  /** Sets what the firmware accepts in CPUID pages. */
  public void setCpuidFilter(CpuidFilter filter) {
    launchPages.setCpuidFilter(filter);
  }

  // ---- platform
  // ----------------------------------------------------------------------------------

  /** SNP_INIT: needs SNP enabled (RMP_INIT_REQUIRED) and an uninitialised platform. */
  public FwStatus init() {
    return run(
        FwCommand.SNP_INIT,
        0,
        0,
        0,
        0,
        () -> {
          if (initialized) {
            return FwStatus.INVALID_PLATFORM_STATE;
          }
          if (!rmp.enabled()) {
            return FwStatus.RMP_INIT_REQUIRED;
          }
          initialized = true;
          return FwStatus.SUCCESS;
        });
  }

  /** SNP_SHUTDOWN: forgets every guest; needs a data fabric flush after the last one went. */
  public FwStatus shutdown() {
    return onPlatform(
        FwCommand.SNP_SHUTDOWN,
        0,
        0,
        0,
        0,
        () -> {
          if (!unflushed.isEmpty()) {
            return FwStatus.DFFLUSH_REQUIRED;
          }
          contexts.clear();
          owners.clear();
          initialized = false;
          return FwStatus.SUCCESS;
        });
  }

  /** Tells the firmware that all processors have written their caches back (WBINVD). */
  public void wbinvd() {
    cachesWritten = true;
  }

  /** SNP_DF_FLUSH: makes the ASIDs of decommissioned guests usable again; WBINVD comes first. */
  public FwStatus dfFlush() {
    return onPlatform(
        FwCommand.SNP_DF_FLUSH,
        0,
        0,
        0,
        0,
        () -> {
          if (!cachesWritten) {
            return FwStatus.WBINVD_REQUIRED;
          }
          unflushed.clear();
          return FwStatus.SUCCESS;
        });
  }

  // ---- guest contexts
  // ----------------------------------------------------------------------------

  /** SNP_GCTX_CREATE: turns a Firmware page into a guest context. */
  public FwStatus gctxCreate(long gctx) {
    return onPlatform(
        FwCommand.SNP_GCTX_CREATE,
        gctx,
        0,
        0,
        0,
        () -> {
          if (pages.badPage(gctx)) {
            return FwStatus.INVALID_ADDRESS;
          }
          if (!port.move(gctx >>> 12, PageState.FIRMWARE, PageState.CONTEXT, 0, true)) {
            return FwStatus.INVALID_PAGE_STATE;
          }
          contexts.put(gctx, new GuestContext(serials++));
          return FwStatus.SUCCESS;
        });
  }

  /** SNP_LAUNCH_START: INIT to LAUNCH, with an empty digest. */
  public FwStatus launchStart(long gctx, long policy) {
    return onGuest(
        FwCommand.SNP_LAUNCH_START,
        gctx,
        policy,
        0,
        0,
        g -> {
          if (g.state != GuestState.INIT) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if ((policy & ~GuestPolicy.KNOWN) != 0 || (policy & GuestPolicy.RESERVED_ONE) == 0) {
            return FwStatus.INVALID_PARAM;
          }
          if (GuestPolicy.abi(policy) > ABI_VERSION || (smt && (policy & GuestPolicy.SMT) == 0)) {
            return FwStatus.POLICY_FAILURE;
          }
          g.state = GuestState.LAUNCH;
          g.policy = policy;
          g.digest.reset();
          g.imd.reset();
          return FwStatus.SUCCESS;
        });
  }

  /**
   * SNP_ACTIVATE: binds a guest to an ASID. An ASID that left pages behind in the RMP is
   * INVALID_CONFIG.
   */
  public FwStatus activate(long gctx, int asid) {
    return onGuest(
        FwCommand.SNP_ACTIVATE,
        gctx,
        asid,
        0,
        0,
        g -> {
          if (g.state == GuestState.INIT) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if (asid <= 0 || asid >= rmp.asids()) {
            return FwStatus.INVALID_ASID;
          }
          if (g.asid != 0) {
            return FwStatus.ACTIVE;
          }
          if (owners.containsKey(asid)) {
            return FwStatus.ASID_OWNED;
          }
          if (unflushed.get(asid)) {
            return FwStatus.DFFLUSH_REQUIRED;
          }
          if (rmp.pagesOf(asid) != 0) {
            return FwStatus.INVALID_CONFIG;
          }
          owners.put(asid, gctx);
          g.asid = asid;
          return FwStatus.SUCCESS;
        });
  }

  /**
   * SNP_DECOMMISSION: ends a guest; its context page becomes Firmware and its ASID needs a flush.
   * Pages of the guest may still be in the RMP.
   */
  public FwStatus decommission(long gctx) {
    return onGuest(
        FwCommand.SNP_DECOMMISSION,
        gctx,
        g -> {
          if (!port.move(gctx >>> 12, PageState.CONTEXT, PageState.FIRMWARE, 0, false)) {
            return FwStatus.INVALID_PAGE_STATE;
          }
          if (g.asid != 0) {
            owners.remove(g.asid);
            unflushed.set(g.asid);
            cachesWritten = false;
          }
          contexts.remove(gctx);
          return FwStatus.SUCCESS;
        });
  }

  /** SNP_GUEST_STATUS; null if the command fails. */
  public @Nullable GuestStatus guestStatus(long gctx) {
    GuestStatus[] out = new GuestStatus[1];
    FwStatus s =
        onGuest(
            FwCommand.SNP_GUEST_STATUS,
            gctx,
            g -> {
              out[0] = new GuestStatus(g.policy, g.asid, g.state);
              return FwStatus.SUCCESS;
            });
    return s.ok() ? out[0] : null;
  }

  /** Returns the launch digest so far; null if there is no such guest. */
  public byte @Nullable [] launchDigest(long gctx) {
    GuestContext g = contexts.get(gctx);
    return g == null ? null : g.digest.value();
  }

  // ---- launch
  // ------------------------------------------------------------------------------------

  /**
   * SNP_LAUNCH_UPDATE: measures and encrypts a Pre-Guest page of the guest, leaving it Guest-Valid.
   *
   * @param page physical address, aligned to its size
   * @param huge true for a 2 MiB page: 512 pages measured one after the other
   * @param type a {@link LaunchPageType} number
   * @param imi true for a page of an initial migration image
   * @param vmplPerms permissions of VMPL1 in 7:0, VMPL2 in 15:8, VMPL3 in 23:16
   */
  public FwStatus launchUpdate(
      long gctx, long page, boolean huge, int type, boolean imi, int vmplPerms) {
    return onGuest(
        FwCommand.SNP_LAUNCH_UPDATE,
        gctx,
        page,
        huge ? 1 : 0,
        type,
        g -> {
          if (g.state != GuestState.LAUNCH) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if (g.asid == 0) {
            return FwStatus.INACTIVE;
          }
          LaunchPageType t = LaunchPageType.of(type);
          boolean single =
              t == LaunchPageType.VMSA || t == LaunchPageType.SECRETS || t == LaunchPageType.CPUID;
          if (t == null) {
            return FwStatus.INVALID_PARAM;
          }
          if (huge && single) {
            return FwStatus.INVALID_PAGE_SIZE;
          }
          FwStatus s = pages.pageOf(g, page, huge, PageState.PRE_GUEST);
          return s.ok() ? launchPages.measure(g, page, huge, t, imi, vmplPerms) : s;
        });
  }

  /**
   * SNP_LAUNCH_FINISH: LAUNCH to RUNNING, after comparing with the identity block if there is one.
   *
   * @param idBlock 96 bytes, or null
   * @param idAuth 4096 bytes; needed with an identity block
   * @param authorKey true if the author key counts
   * @param hostData 32 bytes that reports will carry
   */
  public FwStatus launchFinish(
      long gctx,
      byte @Nullable [] idBlock,
      byte @Nullable [] idAuth,
      boolean authorKey,
      byte[] hostData) {
    return onGuest(
        FwCommand.SNP_LAUNCH_FINISH,
        gctx,
        g -> {
          if (g.state != GuestState.LAUNCH) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if (idBlock != null) {
            if (idAuth == null
                || idBlock.length != IdBlock.SIZE
                || idAuth.length != IdBlock.AUTH_SIZE) {
              return FwStatus.INVALID_PARAM;
            }
            FwStatus s = IdBlock.check(idBlock, idAuth, authorKey, g.digest.value(), g.policy);
            if (!s.ok()) {
              return s;
            }
          }
          g.hostData = hostData.clone();
          g.state = GuestState.RUNNING;
          return FwStatus.SUCCESS;
        });
  }

  // ---- pages
  // -------------------------------------------------------------------------------------

  /** SNP_PAGE_RECLAIM: gives a page that the firmware holds back to its owner. */
  public FwStatus pageReclaim(long page, boolean huge) {
    return onPlatform(
        FwCommand.SNP_PAGE_RECLAIM,
        page,
        huge ? 1 : 0,
        0,
        0,
        () -> {
          if (pages.badPage(page)) {
            return FwStatus.INVALID_ADDRESS;
          }
          PageState from = rmp.state(page >>> 12);
          PageState to =
              switch (from) {
                case FIRMWARE, METADATA -> PageState.RECLAIM;
                case PRE_GUEST -> PageState.GUEST_INVALID;
                case PRE_SWAP -> PageState.GUEST_VALID;
                default -> PageState.INVALID;
              };
          if (to == PageState.INVALID) {
            return FwStatus.INVALID_PAGE_STATE;
          }
          if (rmp.huge(page >>> 12) != huge) {
            return FwStatus.INVALID_PAGE_SIZE;
          }
          return PageCommands.moved(port.move(page >>> 12, from, to, 0, false));
        });
  }

  /** Returns the commands on single pages of a running guest. */
  public PageCommands pages() {
    return pages;
  }

  // ---- common
  // ------------------------------------------------------------------------------------

  @FunctionalInterface
  interface GuestCommand {
    FwStatus run(GuestContext guest);
  }

  FwStatus onGuest(FwCommand command, long gctx, GuestCommand body) {
    return onGuest(command, gctx, 0, 0, 0, body);
  }

  FwStatus onGuest(FwCommand command, long gctx, long a1, long a2, long a3, GuestCommand body) {
    return onPlatform(
        command,
        gctx,
        a1,
        a2,
        a3,
        () -> {
          if (pages.badPage(gctx)) {
            return FwStatus.INVALID_ADDRESS;
          }
          GuestContext g = contexts.get(gctx);
          return g == null ? FwStatus.INVALID_GUEST : body.run(g);
        });
  }

  private FwStatus onPlatform(
      FwCommand command, long a0, long a1, long a2, long a3, Supplier<FwStatus> body) {
    return run(
        command, a0, a1, a2, a3, () -> initialized ? body.get() : FwStatus.INVALID_PLATFORM_STATE);
  }

  private FwStatus run(
      FwCommand command, long a0, long a1, long a2, long a3, Supplier<FwStatus> body) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    long instead = interposer.before(command, a0, a1, a2, a3);
    if (instead != Interposer.PROCEED) {
      return FwStatus.of(instead);
    }
    mailbox.lock();
    try {
      return body.get();
    } finally {
      mailbox.unlock();
    }
  }
}
