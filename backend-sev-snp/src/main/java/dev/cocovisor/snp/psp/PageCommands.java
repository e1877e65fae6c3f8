package dev.cocovisor.snp.psp;

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
    return firmware.onGuest(
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
    return firmware.onGuest(
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
    return firmware.onGuest(
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
    return firmware.onGuest(
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
    return firmware.onGuest(
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

  FwStatus pageOf(GuestContext g, long page, boolean huge, PageState state) {
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

  boolean badPage(long page) {
    return (page & 0xFFF) != 0 || !rmp.covers(page >>> 12);
  }

  static FwStatus moved(boolean done) {
    return done ? FwStatus.SUCCESS : FwStatus.INVALID_PAGE_STATE;
  }
}
