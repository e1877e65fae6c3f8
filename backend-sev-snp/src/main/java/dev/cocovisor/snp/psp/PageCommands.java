package dev.cocovisor.snp.psp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.snp.rmp.FirmwarePort;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;

/**
 * The SNP firmware's commands on single pages of a guest: swap metadata, move, swap, join, debug.
 *
 * <p>KVM uses none of them but DBG_DECRYPT. Each runs in the firmware's mailbox as any command; the
 * order of checks is that of {@link SnpFirmware}. A page's content is kept as its owner sees it, so
 * copying a frame is what decrypting and encrypting it for its new place is.
 */
public final class PageCommands {
  private final SnpFirmware firmware;
  private final PhysicalMemory memory;
  private final FirmwarePort port;
  private final Rmp rmp;

  PageCommands(SnpFirmware firmware, PhysicalMemory memory, FirmwarePort port) {
    this.firmware = firmware;
    this.memory = memory;
    this.port = port;
    this.rmp = port.rmp();
  }

  /** SNP_PAGE_SET_STATE with MD_INIT: makes a Firmware page hold swap metadata of a guest. */
  public FwStatus pageMetadataInit(long gctx, long page) {
    return firmware.onGuest(
        FwCommand.SNP_PAGE_SET_STATE,
        gctx,
        page,
        0,
        0,
        _ ->
            badPage(page)
                ? firmware.badAddress(page)
                : moved(
                    page,
                    PageState.FIRMWARE,
                    port.move(
                        page >>> PAGE_SHIFT, PageState.FIRMWARE, PageState.METADATA, gctx, false)));
  }

  /**
   * SNP_PAGE_MOVE: moves a Pre-Swap page of a guest into a Pre-Guest page with the same guest
   * address. The old page is left Guest-Invalid, so that the host can take it: the documents at
   * hand do not show its state, this is a choice.
   */
  public FwStatus pageMove(long gctx, long from, long to, boolean huge) {
    return firmware.onGuest(
        FwCommand.SNP_PAGE_MOVE,
        gctx,
        from,
        to,
        huge ? 1 : 0,
        g -> {
          FwStatus s = pageOf(g, from, huge, PageState.PRE_SWAP);
          if (s.ok()) {
            s = pageOf(g, to, huge, PageState.PRE_GUEST);
          }
          if (!s.ok()) {
            return s;
          }
          if (rmp.entry(from >>> PAGE_SHIFT).gpa() != rmp.entry(to >>> PAGE_SHIFT).gpa()) {
            return firmware.refuse(
                FwStatus.INVALID_ADDRESS, "the pages have different guest addresses");
          }
          boolean vmsa = rmp.entry(from >>> PAGE_SHIFT).vmsa();
          for (int i = 0; i < (huge ? 512 : 1); i++) {
            memory.copyFrame((to >>> PAGE_SHIFT) + i, (from >>> PAGE_SHIFT) + i);
          }
          return moved(
              to,
              PageState.PRE_GUEST,
              port.move(to >>> PAGE_SHIFT, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, vmsa)
                  && port.move(
                      from >>> PAGE_SHIFT, PageState.PRE_SWAP, PageState.GUEST_INVALID, 0, false));
        });
  }

  /**
   * SNP_PAGE_SWAP_OUT: exports a 4 KiB Pre-Swap page. The page is left Guest-Invalid, a choice as
   * for {@link #pageMove}. A policy with PAGE_SWAP_DISABLE refuses.
   *
   * @param into receives what {@link #pageSwapIn} takes: a page and its guest address
   */
  public FwStatus pageSwapOut(long gctx, long page, SwappedPage[] into) {
    return firmware.onGuest(
        FwCommand.SNP_PAGE_SWAP_OUT,
        gctx,
        page,
        0,
        0,
        g -> {
          FwStatus s = pageOf(g, page, false, PageState.PRE_SWAP);
          if (!s.ok()) {
            return s;
          }
          if ((g.policy & GuestPolicy.PAGE_SWAP_DISABLE) != 0) {
            return firmware.refuse(
                FwStatus.POLICY_FAILURE, "policy bit 25 (PAGE_SWAP_DISABLE) is set");
          }
          byte[] content = new byte[4096];
          memory.read(page, content, 0, 4096);
          var e = rmp.entry(page >>> PAGE_SHIFT);
          into[0] = new SwappedPage(gctx, g.serial, e.gpa(), e.vmsa(), content);
          return moved(
              page,
              PageState.PRE_SWAP,
              port.move(
                  page >>> PAGE_SHIFT, PageState.PRE_SWAP, PageState.GUEST_INVALID, 0, false));
        });
  }

  /** SNP_PAGE_SWAP_IN: fills a Pre-Guest page from what {@link #pageSwapOut} gave. */
  public FwStatus pageSwapIn(long gctx, long page, SwappedPage from) {
    return firmware.onGuest(
        FwCommand.SNP_PAGE_SWAP_IN,
        gctx,
        page,
        0,
        0,
        g -> {
          FwStatus s = pageOf(g, page, false, PageState.PRE_GUEST);
          if (!s.ok()) {
            return s;
          }
          if (from.gctx != gctx
              || from.serial != g.serial
              || from.gpa != rmp.entry(page >>> PAGE_SHIFT).gpa()) {
            return firmware.refuse(
                FwStatus.INVALID_MDATA_ENTRY,
                "the page was swapped out of another guest or guest address");
          }
          memory.write(page, from.content, 0, 4096);
          return moved(
              page,
              PageState.PRE_GUEST,
              port.move(
                  page >>> PAGE_SHIFT, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, from.vmsa));
        });
  }

  /** SNP_PAGE_UNSMASH: joins 512 equal guest pages into a 2 MiB page. */
  public FwStatus pageUnsmash(long gctx, long page) {
    return firmware.onGuest(
        FwCommand.SNP_PAGE_UNSMASH,
        gctx,
        page,
        0,
        0,
        g -> {
          if ((page & 0x1FFFFF) != 0 || badPage(page) || !rmp.covers((page >>> PAGE_SHIFT) + 511)) {
            return firmware.badAddress(page);
          }
          if (rmp.asid(page >>> PAGE_SHIFT) != g.asid) {
            return wrongOwner(page >>> PAGE_SHIFT, g);
          }
          return port.unsmash(page >>> PAGE_SHIFT)
              ? FwStatus.SUCCESS
              : firmware.refuse(
                  FwStatus.INVALID_PAGE_STATE,
                  "the 512 pages are not small entries of equal state in a row");
        });
  }

  /**
   * SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: copy a page out of or into a guest whose policy allows it.
   *
   * @param decrypt true to read the guest's page {@code guestPage}, false to write it
   * @param hostPage the host's page
   */
  public FwStatus debug(long gctx, boolean decrypt, long guestPage, long hostPage) {
    return firmware.onGuest(
        decrypt ? FwCommand.SNP_DBG_DECRYPT : FwCommand.SNP_DBG_ENCRYPT,
        gctx,
        guestPage,
        hostPage,
        0,
        g -> {
          if (badPage(guestPage) || badPage(hostPage)) {
            return firmware.badAddress(badPage(guestPage) ? guestPage : hostPage);
          }
          if ((g.policy & GuestPolicy.DEBUG) == 0) {
            return firmware.refuse(FwStatus.POLICY_FAILURE, "policy bit 19 (DEBUG) is not set");
          }
          if (g.asid == 0 || rmp.asid(guestPage >>> PAGE_SHIFT) != g.asid) {
            return wrongOwner(guestPage >>> PAGE_SHIFT, g);
          }
          PageState host = rmp.state(hostPage >>> PAGE_SHIFT);
          // What the firmware writes for the host has to be handed to it first.
          if (decrypt && host != PageState.FIRMWARE && host != PageState.DEFAULT) {
            return wrongState(hostPage >>> PAGE_SHIFT, PageState.FIRMWARE);
          }
          if (decrypt) {
            memory.copyFrame(hostPage >>> PAGE_SHIFT, guestPage >>> PAGE_SHIFT);
          } else {
            memory.copyFrame(guestPage >>> PAGE_SHIFT, hostPage >>> PAGE_SHIFT);
          }
          return FwStatus.SUCCESS;
        });
  }

  /** SNP_PAGE_RECLAIM: gives a page that the firmware holds back to its owner. */
  public FwStatus reclaim(long page, boolean huge) {
    return firmware.onPlatform(
        FwCommand.SNP_PAGE_RECLAIM,
        page,
        huge ? 1 : 0,
        0,
        0,
        () -> {
          if (badPage(page)) {
            return firmware.badAddress(page);
          }
          PageState from = rmp.state(page >>> PAGE_SHIFT);
          PageState to =
              switch (from) {
                case FIRMWARE, METADATA -> PageState.RECLAIM;
                case PRE_GUEST -> PageState.GUEST_INVALID;
                case PRE_SWAP -> PageState.GUEST_VALID;
                default -> PageState.INVALID;
              };
          if (to == PageState.INVALID) {
            return firmware.refuse(
                FwStatus.INVALID_PAGE_STATE,
                () -> describe(page >>> PAGE_SHIFT) + ": the firmware does not hold it");
          }
          if (rmp.huge(page >>> PAGE_SHIFT) != huge) {
            return wrongSize(page >>> PAGE_SHIFT);
          }
          return moved(page, from, port.move(page >>> PAGE_SHIFT, from, to, 0, false));
        });
  }

  FwStatus pageOf(GuestContext g, long page, boolean huge, PageState state) {
    if (badPage(page) || (huge && (page & 0x1FFFFF) != 0)) {
      return firmware.badAddress(page);
    }
    long pfn = page >>> PAGE_SHIFT;
    if (rmp.state(pfn) != state) {
      return wrongState(pfn, state);
    }
    if (rmp.huge(pfn) != huge) {
      return wrongSize(pfn);
    }
    return rmp.asid(pfn) == g.asid ? FwStatus.SUCCESS : wrongOwner(pfn, g);
  }

  boolean badPage(long page) {
    return (page & 0xFFF) != 0 || !rmp.covers(page >>> PAGE_SHIFT);
  }

  private FwStatus moved(long page, PageState needed, boolean done) {
    return done ? FwStatus.SUCCESS : wrongState(page >>> PAGE_SHIFT, needed);
  }

  private String describe(long pfn) {
    int asid = rmp.asid(pfn);
    return "pfn "
        + SnpFirmware.hex(pfn)
        + " is "
        + rmp.state(pfn)
        + (asid == 0 ? "" : " of ASID " + asid);
  }

  FwStatus wrongState(long pfn, PageState needed) {
    return firmware.refuse(
        FwStatus.INVALID_PAGE_STATE, () -> describe(pfn) + ", " + needed + " is needed");
  }

  private FwStatus wrongSize(long pfn) {
    return firmware.refuse(
        FwStatus.INVALID_PAGE_SIZE,
        () ->
            "pfn "
                + SnpFirmware.hex(pfn)
                + " has a "
                + (rmp.huge(pfn) ? "2 MiB" : "4 KiB")
                + " entry");
  }

  private FwStatus wrongOwner(long pfn, GuestContext g) {
    return firmware.refuse(
        FwStatus.INVALID_PAGE_OWNER, () -> describe(pfn) + ", the guest has ASID " + g.asid);
  }
}
