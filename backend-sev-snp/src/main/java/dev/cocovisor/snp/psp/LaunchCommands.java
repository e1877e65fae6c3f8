package dev.cocovisor.snp.psp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.snp.rmp.FirmwarePort;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import org.jspecify.annotations.Nullable;

/**
 * SNP_LAUNCH_START, SNP_LAUNCH_UPDATE and SNP_LAUNCH_FINISH: from a context to a running guest.
 *
 * <p>The order of checks is that of {@link SnpFirmware}. Thread-safe as far as the mailbox is.
 */
public final class LaunchCommands {
  private static final int PAGE = 4096;

  private final SnpFirmware firmware;
  private final PhysicalMemory memory;
  private final FirmwarePort port;
  private final Rmp rmp;
  private final boolean smt;
  private CpuidFilter cpuidFilter = CpuidFilter.ACCEPT;

  LaunchCommands(SnpFirmware firmware, PhysicalMemory memory, FirmwarePort port, boolean smt) {
    this.firmware = firmware;
    this.memory = memory;
    this.port = port;
    this.rmp = port.rmp();
    this.smt = smt;
  }

  /** Sets what the firmware accepts in CPUID pages. */
  public void setCpuidFilter(CpuidFilter filter) {
    cpuidFilter = filter;
  }

  /** SNP_LAUNCH_START: INIT to LAUNCH, with an empty digest. */
  public FwStatus start(long gctx, long policy) {
    return firmware.onGuest(
        FwCommand.SNP_LAUNCH_START,
        gctx,
        policy,
        0,
        0,
        g -> {
          if (g.state != GuestState.INIT) {
            return wrongGuestState(g, GuestState.INIT);
          }
          FwStatus s = judge(policy);
          if (!s.ok()) {
            return s;
          }
          g.state = GuestState.LAUNCH;
          g.policy = policy;
          g.digest.reset();
          g.imd.reset();
          return FwStatus.SUCCESS;
        });
  }

  private FwStatus judge(long policy) {
    if ((policy & ~GuestPolicy.KNOWN) != 0) {
      return firmware.refuse(
          FwStatus.INVALID_PARAM,
          () -> "policy bits " + SnpFirmware.hex(policy & ~GuestPolicy.KNOWN) + " have no meaning");
    }
    if ((policy & GuestPolicy.RESERVED_ONE) == 0) {
      return firmware.refuse(FwStatus.INVALID_PARAM, "policy bit 17 has to be 1");
    }
    if (GuestPolicy.abi(policy) > SnpFirmware.ABI_VERSION) {
      return firmware.refuse(
          FwStatus.POLICY_FAILURE,
          () ->
              "the policy asks for ABI "
                  + (policy >>> 8 & 0xff)
                  + "."
                  + (policy & 0xff)
                  + ", the firmware has "
                  + (SnpFirmware.ABI_VERSION >>> 8)
                  + "."
                  + (SnpFirmware.ABI_VERSION & 0xff));
    }
    return smt && (policy & GuestPolicy.SMT) == 0
        ? firmware.refuse(
            FwStatus.POLICY_FAILURE,
            "multithreading is on and policy bit 16 (SMT) does not allow it")
        : FwStatus.SUCCESS;
  }

  private FwStatus wrongGuestState(GuestContext g, GuestState needed) {
    return firmware.refuse(
        FwStatus.INVALID_GUEST_STATE, () -> "the guest is in " + g.state + ", not in " + needed);
  }

  /**
   * SNP_LAUNCH_UPDATE: measures and encrypts a Pre-Guest page of the guest, leaving it Guest-Valid.
   *
   * @param page physical address, aligned to its size
   * @param huge true for a 2 MiB page: 512 pages measured one after the other
   * @param type a {@link LaunchPageType} number
   * @param imi true for a page of an initial migration image
   * @param vmplPerms permissions of VMPL1 in 7:0, VMPL2 in 15:8, VMPL3 in 23:16
   */
  public FwStatus update(long gctx, long page, boolean huge, int type, boolean imi, int vmplPerms) {
    return firmware.onGuest(
        FwCommand.SNP_LAUNCH_UPDATE,
        gctx,
        page,
        huge ? 1 : 0,
        type,
        g -> {
          if (g.state != GuestState.LAUNCH) {
            return wrongGuestState(g, GuestState.LAUNCH);
          }
          if (g.asid == 0) {
            return firmware.refuse(FwStatus.INACTIVE, "the guest has no ASID yet");
          }
          LaunchPageType t = LaunchPageType.of(type);
          if (t == null) {
            return firmware.refuse(FwStatus.INVALID_PARAM, () -> "there is no page type " + type);
          }
          boolean single =
              t == LaunchPageType.VMSA || t == LaunchPageType.SECRETS || t == LaunchPageType.CPUID;
          if (huge && single) {
            return firmware.refuse(
                FwStatus.INVALID_PAGE_SIZE, () -> "a page of type " + t + " has 4 KiB");
          }
          FwStatus s = firmware.pages().pageOf(g, page, huge, PageState.PRE_GUEST);
          return s.ok() ? measure(g, page, huge, t, imi, vmplPerms) : s;
        });
  }

  private FwStatus measure(
      GuestContext g, long page, boolean huge, LaunchPageType type, boolean imi, int vmplPerms) {
    long pfn = page >>> PAGE_SHIFT;
    int count = huge ? 512 : 1;
    byte[] content = new byte[PAGE];
    if (type == LaunchPageType.CPUID) {
      memory.read(page, content, 0, PAGE);
      if (!CpuidPage.accept(content, 0, cpuidFilter)) {
        memory.write(page, content, 0, PAGE);
        return firmware.refuse(
            FwStatus.INVALID_PARAM, "CPUID functions that the processor does not report so");
      }
    }
    boolean vmsa = type == LaunchPageType.VMSA;
    long gpa = rmp.entry(pfn).gpa();
    if (!port.move(pfn, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, vmsa)
        || (vmplPerms != 0 && !port.setPermissions(pfn, vmplPerms))) {
      return firmware.pages().wrongState(pfn, PageState.PRE_GUEST);
    }
    switch (type) {
      case ZERO -> memory.zero(pfn, count);
      case SECRETS -> memory.write(page, SecretsPage.of(g), 0, PAGE);
      case NORMAL, VMSA, UNMEASURED, CPUID -> {}
    }
    for (int i = 0; i < count; i++) {
      long at = (long) i * PAGE;
      if (type.contentMeasured()) {
        memory.read(page + at, content, 0, PAGE);
      }
      g.digest.update(type, gpa + at, content, 0, vmplPerms, imi);
      if (imi) {
        g.imd.update(type, gpa + at, content, 0, vmplPerms, true);
      }
    }
    return FwStatus.SUCCESS;
  }

  /** Returns the launch digest so far; null if there is no such guest. */
  public byte @Nullable [] digest(long gctx) {
    GuestContext g = firmware.context(gctx);
    return g == null ? null : g.digest.value();
  }

  /**
   * SNP_LAUNCH_FINISH: LAUNCH to RUNNING, after comparing with the identity block if there is one.
   *
   * @param idBlock 96 bytes, or null
   * @param idAuth 4096 bytes; needed with an identity block
   * @param authorKey true if the author key counts
   * @param hostData 32 bytes that reports will carry
   */
  public FwStatus finish(
      long gctx,
      byte @Nullable [] idBlock,
      byte @Nullable [] idAuth,
      boolean authorKey,
      byte[] hostData) {
    return firmware.onGuest(
        FwCommand.SNP_LAUNCH_FINISH,
        gctx,
        g -> {
          if (g.state != GuestState.LAUNCH) {
            return wrongGuestState(g, GuestState.LAUNCH);
          }
          if (idBlock != null) {
            if (idAuth == null
                || idBlock.length != IdBlockCheck.SIZE
                || idAuth.length != IdBlockCheck.AUTH_SIZE) {
              return firmware.refuse(
                  FwStatus.INVALID_PARAM, "an identity block without its authentication page");
            }
            FwStatus s = IdBlockCheck.check(idBlock, idAuth, authorKey, g.digest.value(), g.policy);
            if (!s.ok()) {
              return firmware.refuse(s, () -> "identity block: " + IdBlockCheck.why(s));
            }
          }
          g.hostData = hostData.clone();
          g.state = GuestState.RUNNING;
          return FwStatus.SUCCESS;
        });
  }
}
