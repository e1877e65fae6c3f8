package dev.cocovisor.snp.psp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.snp.rmp.FirmwarePort;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The SEV-SNP firmware: the platform, guest contexts and ASIDs. A guest's launch is in {@link
 * LaunchCommands}, single pages are in {@link PageCommands}.
 *
 * <p>One command runs at a time; the {@link Mailbox} is the processor's. Commands check their
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

  private final Mailbox mailbox;
  private final FirmwarePort port;
  private final PageCommands pages;
  private final LaunchCommands launch;
  private final Rmp rmp;
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
   * @param mailbox the processor's mailbox
   */
  public SnpFirmware(PhysicalMemory memory, Rmp rmp, boolean smt, Mailbox mailbox) {
    this.mailbox = mailbox;
    this.rmp = rmp;
    this.port = new FirmwarePort(rmp);
    this.pages = new PageCommands(this, memory, port);
    this.launch = new LaunchCommands(this, memory, port, smt);
  }

  /** Returns the commands of a guest's launch. */
  public LaunchCommands launch() {
    return launch;
  }

  /** Returns the commands on single pages. */
  public PageCommands pages() {
    return pages;
  }

  /** SNP_INIT: needs SNP enabled (RMP_INIT_REQUIRED) and an uninitialised platform. */
  public FwStatus init() {
    return mailbox.run(
        FwCommand.SNP_INIT,
        0,
        0,
        0,
        0,
        () -> {
          if (initialized) {
            return refuse(FwStatus.INVALID_PLATFORM_STATE, "SNP is initialised already");
          }
          if (!rmp.enabled()) {
            return refuse(FwStatus.RMP_INIT_REQUIRED, "SYSCFG.SNPEn is off");
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
            return refuse(
                FwStatus.DFFLUSH_REQUIRED,
                () -> "ASIDs " + unflushed + " were decommissioned and not flushed");
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
            return refuse(
                FwStatus.WBINVD_REQUIRED, "no WBINVD since the last guest was decommissioned");
          }
          unflushed.clear();
          return FwStatus.SUCCESS;
        });
  }

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
            return badAddress(gctx);
          }
          long pfn = gctx >>> PAGE_SHIFT;
          if (!port.move(pfn, PageState.FIRMWARE, PageState.CONTEXT, 0, true)) {
            return pages.wrongState(pfn, PageState.FIRMWARE);
          }
          contexts.put(gctx, new GuestContext(serials++));
          return FwStatus.SUCCESS;
        });
  }

  /**
   * SNP_ACTIVATE: binds a guest to an ASID. An ASID that left pages behind in the RMP is
   * INVALID_CONFIG.
   */
  public FwStatus activate(long gctx, int asid) {
    return onGuest(FwCommand.SNP_ACTIVATE, gctx, asid, 0, 0, g -> activate(g, gctx, asid));
  }

  private FwStatus activate(GuestContext g, long gctx, int asid) {
    if (g.state == GuestState.INIT) {
      return refuse(FwStatus.INVALID_GUEST_STATE, "the guest's launch has not started");
    }
    if (asid <= 0 || asid >= rmp.asids()) {
      return refuse(FwStatus.INVALID_ASID, () -> "ASID " + asid + " of 1 to " + (rmp.asids() - 1));
    }
    if (g.asid != 0) {
      return refuse(FwStatus.ACTIVE, () -> "the guest has ASID " + g.asid + " already");
    }
    if (owners.containsKey(asid)) {
      return refuse(
          FwStatus.ASID_OWNED,
          () -> "the guest of context " + hex(owners.getOrDefault(asid, 0L)) + " has it");
    }
    if (unflushed.get(asid)) {
      return refuse(
          FwStatus.DFFLUSH_REQUIRED, () -> "ASID " + asid + " was decommissioned and not flushed");
    }
    if (rmp.pagesOf(asid) != 0) {
      return refuse(
          FwStatus.INVALID_CONFIG,
          () -> "ASID " + asid + " still has " + rmp.pagesOf(asid) + " pages in the RMP");
    }
    owners.put(asid, gctx);
    g.asid = asid;
    return FwStatus.SUCCESS;
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
          long pfn = gctx >>> PAGE_SHIFT;
          if (!port.move(pfn, PageState.CONTEXT, PageState.FIRMWARE, 0, false)) {
            return pages.wrongState(pfn, PageState.CONTEXT);
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

  /**
   * SNP_GUEST_REQUEST: a message of a guest that runs. Its keys are not modelled, so any message is
   * taken, and answered with zeros.
   *
   * @param message what the guest wrote, a page
   * @param response receives the answer, a page
   */
  public FwStatus guestRequest(long gctx, byte[] message, byte[] response) {
    return onGuest(
        FwCommand.SNP_GUEST_REQUEST,
        gctx,
        g -> {
          if (g.state != GuestState.RUNNING) {
            return refuse(FwStatus.INVALID_GUEST_STATE, "the guest's launch is not finished");
          }
          if (message.length != response.length) {
            return refuse(FwStatus.INVALID_PARAM, "message and answer are a page each");
          }
          Arrays.fill(response, (byte) 0);
          return FwStatus.SUCCESS;
        });
  }

  /** What a command does to a guest that was found. */
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
            return badAddress(gctx);
          }
          GuestContext g = contexts.get(gctx);
          return g == null
              ? refuse(FwStatus.INVALID_GUEST, () -> hex(gctx) + " is no guest context")
              : body.run(g);
        });
  }

  FwStatus onPlatform(
      FwCommand command, long a0, long a1, long a2, long a3, Supplier<FwStatus> body) {
    return mailbox.run(
        command,
        a0,
        a1,
        a2,
        a3,
        () ->
            initialized
                ? body.get()
                : refuse(FwStatus.INVALID_PLATFORM_STATE, "SNP is not initialised"));
  }

  /** Returns a guest's context; null where there is none. */
  @Nullable GuestContext context(long gctx) {
    return contexts.get(gctx);
  }

  FwStatus refuse(FwStatus status, String why) {
    return mailbox.refuse(status, why);
  }

  FwStatus refuse(FwStatus status, Supplier<String> why) {
    return mailbox.refuse(status, why);
  }

  FwStatus badAddress(long page) {
    return refuse(
        FwStatus.INVALID_ADDRESS,
        () -> hex(page) + " is not page-aligned, or no page that the RMP covers");
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }
}
