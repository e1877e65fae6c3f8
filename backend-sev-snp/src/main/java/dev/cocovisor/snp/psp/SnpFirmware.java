package dev.cocovisor.snp.psp;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
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

  private final PhysicalMemory memory;
  private final FirmwarePort port;
  private final Rmp rmp;
  private final boolean smt;
  private final ModelLock mailbox = new ModelLock("psp mailbox");
  private final Map<Long, GuestContext> contexts = new HashMap<>();
  private final BitSet unflushed = new BitSet();
  private final Map<Integer, Long> owners = new HashMap<>();
  private boolean initialized;
  private boolean cachesWritten = true;
  private long serials;
  private FwInterposer interposer = FwInterposer.NONE;
  private CpuidFilter cpuidFilter = CpuidFilter.ACCEPT;

  /**
   * Creates firmware that is not initialised yet.
   *
   * @param memory raw physical memory
   * @param rmp the machine's RMP
   * @param smt true if simultaneous multithreading is on
   */
  public SnpFirmware(PhysicalMemory memory, Rmp rmp, boolean smt) {
    this.memory = memory;
    this.rmp = rmp;
    this.port = new FirmwarePort(rmp);
    this.smt = smt;
  }

  /** Makes {@code interposer} be asked before each command. */
  public void setInterposer(FwInterposer interposer) {
    this.interposer = interposer;
  }

  /** Sets what the firmware accepts in CPUID pages. */
  public void setCpuidFilter(CpuidFilter filter) {
    this.cpuidFilter = filter;
  }

  // ---- platform
  // ----------------------------------------------------------------------------------

  /** SNP_INIT: needs SNP enabled (RMP_INIT_REQUIRED) and an uninitialised platform. */
  public FwStatus init() {
    return run(
        FwCommand.SNP_INIT,
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
        () -> {
          if (badPage(gctx)) {
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
          FwStatus s = pageOf(g, page, huge, PageState.PRE_GUEST);
          return s.ok() ? measure(g, page, huge, t, imi, vmplPerms) : s;
        });
  }

  private FwStatus measure(
      GuestContext g, long page, boolean huge, LaunchPageType type, boolean imi, int vmplPerms) {
    long pfn = page >>> 12;
    int count = huge ? 512 : 1;
    byte[] content = new byte[4096];
    if (type == LaunchPageType.CPUID) {
      memory.read(page, content, 0, 4096);
      if (!CpuidPage.accept(content, 0, cpuidFilter)) {
        memory.write(page, content, 0, 4096);
        return FwStatus.INVALID_PARAM;
      }
    }
    boolean vmsa = type == LaunchPageType.VMSA;
    long gpa = rmp.entry(pfn).gpa();
    if (!port.move(pfn, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, vmsa)) {
      return FwStatus.INVALID_PAGE_STATE;
    }
    if (vmplPerms != 0 && !port.setPermissions(pfn, vmplPerms)) {
      return FwStatus.INVALID_PAGE_STATE;
    }
    switch (type) {
      case ZERO -> memory.zero(pfn, count);
      case SECRETS -> memory.write(page, SecretsPage.of(g), 0, 4096);
      case NORMAL, VMSA, UNMEASURED, CPUID -> {}
    }
    for (int i = 0; i < count; i++) {
      if (type.contentMeasured()) {
        memory.read(page + i * 4096L, content, 0, 4096);
      }
      g.digest.update(type, gpa + i * 4096L, content, 0, vmplPerms, imi);
      if (imi) {
        g.imd.update(type, gpa + i * 4096L, content, 0, vmplPerms, true);
      }
    }
    return FwStatus.SUCCESS;
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
        () -> {
          if (badPage(page)) {
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
          return moved(port.move(page >>> 12, from, to, 0, false));
        });
  }

  /** SNP_PAGE_SET_STATE with MD_INIT: makes a Firmware page hold swap metadata of a guest. */
  public FwStatus pageMetadataInit(long gctx, long page) {
    return onGuest(
        FwCommand.SNP_PAGE_SET_STATE,
        gctx,
        _ ->
            badPage(page)
                ? FwStatus.INVALID_ADDRESS
                : moved(
                    port.move(page >>> 12, PageState.FIRMWARE, PageState.METADATA, gctx, false)));
  }

  /**
   * SNP_PAGE_MOVE: moves a Pre-Swap page of a guest into a Pre-Guest page with the same guest
   * address. The old page is left Guest-Invalid, so that the host can take it: the documents at
   * hand do not show its state, this is a choice.
   */
  public FwStatus pageMove(long gctx, long from, long to, boolean huge) {
    return onGuest(
        FwCommand.SNP_PAGE_MOVE,
        gctx,
        g -> {
          FwStatus s = pageOf(g, from, huge, PageState.PRE_SWAP);
          if (s.ok()) {
            s = pageOf(g, to, huge, PageState.PRE_GUEST);
          }
          if (!s.ok()) {
            return s;
          }
          if (rmp.entry(from >>> 12).gpa() != rmp.entry(to >>> 12).gpa()) {
            return FwStatus.INVALID_ADDRESS;
          }
          boolean vmsa = rmp.entry(from >>> 12).vmsa();
          for (int i = 0; i < (huge ? 512 : 1); i++) {
            memory.copyFrame((to >>> 12) + i, (from >>> 12) + i);
          }
          return moved(
              port.move(to >>> 12, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, vmsa)
                  && port.move(from >>> 12, PageState.PRE_SWAP, PageState.GUEST_INVALID, 0, false));
        });
  }

  /**
   * SNP_PAGE_SWAP_OUT: exports a 4 KiB Pre-Swap page. The page is left Guest-Invalid, a choice as
   * for {@link #pageMove}. A policy with PAGE_SWAP_DISABLE refuses.
   *
   * @param into receives what {@link #pageSwapIn} takes: a page and its guest address
   */
  public FwStatus pageSwapOut(long gctx, long page, SwappedPage[] into) {
    return onGuest(
        FwCommand.SNP_PAGE_SWAP_OUT,
        gctx,
        g -> {
          FwStatus s = pageOf(g, page, false, PageState.PRE_SWAP);
          if (!s.ok()) {
            return s;
          }
          if ((g.policy & GuestPolicy.PAGE_SWAP_DISABLE) != 0) {
            return FwStatus.POLICY_FAILURE;
          }
          byte[] content = new byte[4096];
          memory.read(page, content, 0, 4096);
          var e = rmp.entry(page >>> 12);
          into[0] = new SwappedPage(gctx, g.serial, e.gpa(), e.vmsa(), content);
          return moved(
              port.move(page >>> 12, PageState.PRE_SWAP, PageState.GUEST_INVALID, 0, false));
        });
  }

  /** SNP_PAGE_SWAP_IN: fills a Pre-Guest page from what {@link #pageSwapOut} gave. */
  public FwStatus pageSwapIn(long gctx, long page, SwappedPage from) {
    return onGuest(
        FwCommand.SNP_PAGE_SWAP_IN,
        gctx,
        g -> {
          FwStatus s = pageOf(g, page, false, PageState.PRE_GUEST);
          if (!s.ok()) {
            return s;
          }
          if (from.gctx != gctx
              || from.serial != g.serial
              || from.gpa != rmp.entry(page >>> 12).gpa()) {
            return FwStatus.INVALID_MDATA_ENTRY;
          }
          memory.write(page, from.content, 0, 4096);
          return moved(
              port.move(page >>> 12, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, from.vmsa));
        });
  }

  /** SNP_PAGE_UNSMASH: joins 512 equal guest pages into a 2 MiB page. */
  public FwStatus pageUnsmash(long gctx, long page) {
    return onGuest(
        FwCommand.SNP_PAGE_UNSMASH,
        gctx,
        g -> {
          if ((page & 0x1FFFFF) != 0 || badPage(page) || !rmp.covers((page >>> 12) + 511)) {
            return FwStatus.INVALID_ADDRESS;
          }
          if (rmp.asid(page >>> 12) != g.asid) {
            return FwStatus.INVALID_PAGE_OWNER;
          }
          return moved(port.unsmash(page >>> 12));
        });
  }

  /**
   * SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: copy a page out of or into a guest whose policy allows it.
   *
   * @param decrypt true to read the guest's page {@code guestPage}, false to write it
   * @param hostPage the host's page
   */
  public FwStatus debug(long gctx, boolean decrypt, long guestPage, long hostPage) {
    return onGuest(
        decrypt ? FwCommand.SNP_DBG_DECRYPT : FwCommand.SNP_DBG_ENCRYPT,
        gctx,
        g -> {
          if (badPage(guestPage) || badPage(hostPage)) {
            return FwStatus.INVALID_ADDRESS;
          }
          if ((g.policy & GuestPolicy.DEBUG) == 0) {
            return FwStatus.POLICY_FAILURE;
          }
          if (g.asid == 0 || rmp.asid(guestPage >>> 12) != g.asid) {
            return FwStatus.INVALID_PAGE_OWNER;
          }
          PageState host = rmp.state(hostPage >>> 12);
          // What the firmware writes for the host has to be handed to it first.
          if (decrypt && host != PageState.FIRMWARE && host != PageState.DEFAULT) {
            return FwStatus.INVALID_PAGE_STATE;
          }
          if (decrypt) {
            memory.copyFrame(hostPage >>> 12, guestPage >>> 12);
          } else {
            memory.copyFrame(guestPage >>> 12, hostPage >>> 12);
          }
          return FwStatus.SUCCESS;
        });
  }

  // ---- common
  // ------------------------------------------------------------------------------------

  @FunctionalInterface
  private interface GuestCommand {
    FwStatus run(GuestContext guest);
  }

  private FwStatus pageOf(GuestContext g, long page, boolean huge, PageState state) {
    if (badPage(page) || (huge && (page & 0x1FFFFF) != 0)) {
      return FwStatus.INVALID_ADDRESS;
    }
    if (rmp.state(page >>> 12) != state) {
      return FwStatus.INVALID_PAGE_STATE;
    }
    if (rmp.huge(page >>> 12) != huge) {
      return FwStatus.INVALID_PAGE_SIZE;
    }
    return rmp.asid(page >>> 12) == g.asid ? FwStatus.SUCCESS : FwStatus.INVALID_PAGE_OWNER;
  }

  private boolean badPage(long page) {
    return (page & 0xFFF) != 0 || !rmp.covers(page >>> 12);
  }

  private static FwStatus moved(boolean done) {
    return done ? FwStatus.SUCCESS : FwStatus.INVALID_PAGE_STATE;
  }

  private FwStatus onGuest(FwCommand command, long gctx, GuestCommand body) {
    return onPlatform(
        command,
        () -> {
          if (badPage(gctx)) {
            return FwStatus.INVALID_ADDRESS;
          }
          GuestContext g = contexts.get(gctx);
          return g == null ? FwStatus.INVALID_GUEST : body.run(g);
        });
  }

  private FwStatus onPlatform(FwCommand command, Supplier<FwStatus> body) {
    return run(command, () -> initialized ? body.get() : FwStatus.INVALID_PLATFORM_STATE);
  }

  private FwStatus run(FwCommand command, Supplier<FwStatus> body) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    mailbox.lock();
    try {
      FwStatus s = interposer.before(command);
      return s.ok() ? body.get() : s;
    } finally {
      mailbox.unlock();
    }
  }
}
