package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LaunchPageType;
import dev.cocovisor.snp.psp.SnpFirmware;

/**
 * SNP_LAUNCH_UPDATE: initial contents, page by page, until one is refused.
 *
 * <p>Called under the kvm lock; takes the slots lock and, through populate, the guest_memfd
 * invalidate lock. Whatever stops the first page is EIO; later ones end a partial success. Source:
 * {@code arch/x86/kvm/svm/sev.c}, snp_launch_update, sev_gmem_post_populate; {@code
 * virt/kvm/guest_memfd.c}, kvm_gmem_populate (7.3).
 */
final class SnpPopulation {
  private static final int PAGE = 4096;

  private final SevVm sev;
  private final VmContext vm;
  private final SnpFirmware firmware;
  private final SnpHost host;
  private final boolean pageIsSource;
  private final LaunchArguments arguments;

  SnpPopulation(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.firmware = sev.platform().firmware();
    this.host = sev.platform().host();
    KernelProfile kernel = sev.platform().machine().kernel();
    this.pageIsSource = kernel.on(SevKernelRules.PAGE_IS_SOURCE);
    this.arguments = kernel.on(SevKernelRules.LAUNCH_ARGUMENTS);
  }

  long update(VendorCommand c) {
    Fields in = c.in();
    if (!sev.isSnp() || sev.info().gctx < 0) {
      return sev.fail(Errno.EINVAL, "no SNP guest with a context: LAUNCH_START comes first");
    }
    if (CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
    }
    long len = in.number("len", 0);
    if ((len == 0 && arguments.aligned()) || (len & PAGE - 1) != 0) {
      return sev.fail(Errno.EINVAL, "len is no multiple of 4 KiB above 0");
    }
    if (in.number("flags", 0) != 0) {
      return sev.fail(Errno.EINVAL, "flags have no meaning yet");
    }
    LaunchPageType type = LaunchPageType.of((int) in.number("type", 0));
    if (type == null || type == LaunchPageType.VMSA) {
      return sev.fail(Errno.EINVAL, "there is no page type of this number for user space");
    }
    long uaddr = in.number("uaddr", 0);
    boolean unaligned = (uaddr & PAGE - 1) != 0 && type != LaunchPageType.ZERO;
    if ((unaligned && arguments.aligned()) || (missing(uaddr, type) && arguments.present())) {
      return sev.fail(Errno.EINVAL, "the source is 0 or not aligned to 4 KiB");
    }
    vm.slotsLock().lock();
    try {
      return populate(c, in.number("gfn_start", 0), len, uaddr, type);
    } finally {
      vm.slotsLock().unlock();
    }
  }

  /** Tells whether pages of a type need a source and have none. */
  private boolean missing(long uaddr, LaunchPageType type) {
    boolean itself = pageIsSource && type != LaunchPageType.CPUID;
    return uaddr == 0 && type != LaunchPageType.ZERO && !itself;
  }

  private long populate(VendorCommand c, long gfn, long len, long uaddr, LaunchPageType type) {
    SlotView slot = vm.slotOf(gfn);
    if (slot == null || !slot.hasGuestMemfd()) {
      return sev.fail(Errno.EINVAL, "no slot with a guest_memfd holds gfn_start");
    }
    long npages = Math.min(len >>> PAGE_SHIFT, slot.endGfn() - gfn);
    boolean file = FirmwareFile.isOpen(vm, FirmwareFile.of(c.in()));
    // NO_FW_CALL until the first page got past its source.
    FwStatus[] last = {FwStatus.NO_FW_CALL};
    long count =
        vm.populate(
            gfn,
            type == LaunchPageType.ZERO ? 0 : uaddr,
            npages,
            (g, pfn, from, order) -> folio(g, pfn, from, order, type, file, last));
    if (count < 0) {
      Errno why = Errno.of((int) -count);
      boolean unread = last[0] == FwStatus.NO_FW_CALL && why == Errno.EFAULT;
      return SnpLaunch.fail(
          c,
          last[0] == FwStatus.NO_FW_CALL ? FwStatus.SUCCESS : last[0],
          sev.refuse(
              Errno.EIO,
              () ->
                  "the first page was refused with "
                      + why
                      + (unread
                          ? ": source page 0x" + Long.toHexString(uaddr) + " is not mapped"
                          : "")));
    }
    // Partial progress is success; the caller comes again and meets the error first.
    c.out().put("gfn_start", gfn + count);
    c.out().put("len", len - (count << PAGE_SHIFT));
    if (uaddr != 0) {
      c.out().put("uaddr", type == LaunchPageType.ZERO ? uaddr : uaddr + (count << PAGE_SHIFT));
    }
    return 0;
  }

  private Errno folio(
      long gfn,
      long pfn,
      long from,
      int order,
      LaunchPageType type,
      boolean file,
      FwStatus[] last) {
    int npages = 1 << order;
    last[0] = FwStatus.SUCCESS;
    for (int i = 0; i < npages; i++) {
      Errno r = page(gfn + i, pfn + i, from == 0 ? 0 : from + (long) i * PAGE, type, file, last);
      if (!r.ok()) {
        // What was added of this folio before goes back; the digest keeps it.
        for (int undone = 0; undone < i; undone++) {
          if (host.makeSharedOrLeak(vm, pfn + undone, false).ok()) {
            host.memory().raw().zero(pfn + undone, 1);
          }
        }
        return r;
      }
    }
    return Errno.OK;
  }

  /**
   * Adds one page; one that is refused is cleared, as the folio was never marked up to date and the
   * next user of it clears it (virt/kvm/guest_memfd.c, kvm_gmem_get_pfn).
   */
  private Errno page(
      long gfn, long pfn, long from, LaunchPageType type, boolean file, FwStatus[] last) {
    if (missing(from, type)) {
      return sev.refuse(Errno.EINVAL, "a page of this type needs a source");
    }
    if (!host.rmp().covers(pfn)) {
      return sev.refuse(Errno.EINVAL, "the RMP does not cover the page");
    }
    if (host.rmp().assigned(pfn)) {
      return sev.refuse(
          Errno.EEXIST,
          () ->
              "pfn 0x"
                  + Long.toHexString(pfn)
                  + " is assigned to ASID "
                  + host.rmp().asid(pfn)
                  + " already");
    }
    if (type == LaunchPageType.CPUID && !sev.platform().launchSteps().mayCorrect(vm, from)) {
      return sev.refuse(
          Errno.EFAULT, () -> "source page 0x" + Long.toHexString(from) + " is not writable");
    }
    if (from != 0) {
      byte[] content = new byte[PAGE];
      if (!vm.copyFromUser(from, content, 0, PAGE).ok()) {
        return sev.refuse(
            Errno.EFAULT, () -> "source page 0x" + Long.toHexString(from) + " is not mapped");
      }
      host.memory().raw().write(pfn << PAGE_SHIFT, content, 0, PAGE);
    }
    Errno made = host.makePrivate(vm, pfn, gfn << PAGE_SHIFT, false, sev.info().asid, true);
    if (!made.ok()) {
      host.memory().raw().zero(pfn, 1);
      return sev.refuse(Errno.EFAULT, "RMPUPDATE did not give the page to the guest");
    }
    if (!file) {
      if (host.reclaim(vm, pfn).ok()) {
        host.memory().raw().zero(pfn, 1);
      }
      return sev.refuse(Errno.EBADF, "sev_fd is no open file of " + FirmwareFile.PATH);
    }
    FwStatus status =
        firmware
            .launch()
            .update(sev.info().gctx << PAGE_SHIFT, pfn << PAGE_SHIFT, false, type.code(), false, 0);
    last[0] = status;
    if (status.ok()) {
      return Errno.OK;
    }
    Errno refused = sev.refuse(Errno.EIO, () -> "the firmware answered " + status);
    if (!host.reclaim(vm, pfn).ok()) {
      return refused;
    }
    if (type == LaunchPageType.CPUID && status == FwStatus.INVALID_PARAM) {
      // The firmware put what it would accept there. A source it cannot be copied to loses that.
      byte[] corrected = new byte[PAGE];
      host.memory().raw().read(pfn << PAGE_SHIFT, corrected, 0, PAGE);
      var _ = vm.copyToUser(from, corrected, 0, PAGE);
    }
    host.memory().raw().zero(pfn, 1);
    return refused;
  }
}
