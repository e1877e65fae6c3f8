package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.GuestPolicy;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import dev.cocovisor.snp.psp.SnpFirmware;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * SNP_LAUNCH_START, SNP_LAUNCH_UPDATE and SNP_LAUNCH_FINISH.
 *
 * <p>Called under the kvm lock; UPDATE takes the slots lock and, through populate, the guest_memfd
 * invalidate lock. Source: {@code arch/x86/kvm/svm/sev.c}, snp_launch_start, snp_launch_update,
 * sev_gmem_post_populate, snp_launch_update_vmsa, snp_launch_finish.
 */
final class SnpLaunch {
  /** What KVM lets through: ABI version, SMT, the one bit, DEBUG and SINGLE_SOCKET. */
  private static final long POLICY_MASK = 0x1BFFFF;

  private final SevVm sev;
  private final VmContext vm;
  private final SevPlatform platform;
  private final SnpFirmware firmware;
  private final SnpHost host;

  SnpLaunch(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.platform = sev.platform();
    this.firmware = platform.firmware();
    this.host = platform.host();
  }

  long start(VendorCommand c) {
    SevInfo info = sev.info();
    Fields in = c.in();
    long policy = in.number("policy", 0);
    if (!info.snp()) {
      return -Errno.ENOTTY.number();
    }
    if (info.gctx >= 0
        || in.number("flags", 0) != 0
        || (policy & ~POLICY_MASK) != 0
        || (policy & GuestPolicy.RESERVED_ONE) == 0
        || (platform.settings().smtRequired() && (policy & GuestPolicy.SMT) == 0)
        || (policy & GuestPolicy.SINGLE_SOCKET) != 0) {
      return -Errno.EINVAL.number();
    }
    long gctx = host.allocateFirmwarePage(vm);
    FwStatus status = FwStatus.NO_FW_CALL;
    if (gctx >= 0) {
      status = firmware.gctxCreate(gctx << PAGE_SHIFT);
      if (!status.ok()) {
        host.freeFirmwarePage(vm, gctx);
      }
    }
    if (!status.ok()) {
      // The reason is lost: whatever went wrong, the caller sees ENOTTY.
      return fail(c, status, Errno.ENOTTY);
    }
    info.gctx = gctx;
    status = firmware.launch().start(gctx << PAGE_SHIFT, policy);
    if (status.ok()) {
      status = firmware.activate(gctx << PAGE_SHIFT, info.asid);
    }
    if (!status.ok()) {
      sev.decommission();
      return fail(c, status, Errno.EIO);
    }
    return done(c);
  }

  long update(VendorCommand c) {
    SevInfo info = sev.info();
    Fields in = c.in();
    if (!info.snp() || info.gctx < 0) {
      return -Errno.EINVAL.number();
    }
    long gfn = in.number("gfn_start", 0);
    long uaddr = in.number("uaddr", 0);
    long len = in.number("len", 0);
    int type = (int) in.number("type", 0);
    LaunchPageType t = LaunchPageType.of(type);
    if (len == 0
        || (len & 0xFFF) != 0
        || in.number("flags", 0) != 0
        || t == null
        || t == LaunchPageType.VMSA) {
      return -Errno.EINVAL.number();
    }
    // From 7.0 on the source is pinned page by page, so it has to be aligned.
    if (t != LaunchPageType.ZERO && (uaddr & 0xFFF) != 0) {
      return -Errno.EINVAL.number();
    }
    vm.slotsLock().lock();
    try {
      SlotView slot = vm.slotOf(gfn);
      if (slot == null || !slot.hasGuestMemfd()) {
        return -Errno.EINVAL.number();
      }
      long npages = Math.min(len >>> PAGE_SHIFT, slot.endGfn() - gfn);
      FwStatus[] last = {FwStatus.SUCCESS};
      long source = t == LaunchPageType.ZERO ? 0 : uaddr;
      long count =
          vm.populate(
              gfn,
              source,
              npages,
              (g, pfn, from, order) -> populated(g, pfn, from, order, t, last));
      if (count < 0) {
        return fail(c, last[0], Errno.EIO);
      }
      // Partial progress is success; the caller comes again and meets the error first.
      c.out().put("gfn_start", gfn + count);
      c.out().put("len", len - (count << PAGE_SHIFT));
      if (t != LaunchPageType.ZERO) {
        c.out().put("uaddr", uaddr + (count << PAGE_SHIFT));
      }
      return 0;
    } finally {
      vm.slotsLock().unlock();
    }
  }

  private Errno populated(
      long gfn, long pfn, long from, int order, LaunchPageType type, FwStatus[] last) {
    int npages = 1 << order;
    for (int i = 0; i < npages; i++) {
      Errno r = page(gfn + i, pfn + i, from == 0 ? 0 : from + i * 4096L, type, last);
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
  private Errno page(long gfn, long pfn, long from, LaunchPageType type, FwStatus[] last) {
    SevInfo info = sev.info();
    if (!host.rmp().covers(pfn) || !vm.isPrivate(gfn)) {
      return Errno.EINVAL;
    }
    if (host.rmp().assigned(pfn)) {
      return Errno.EEXIST;
    }
    if (from == 0 && type != LaunchPageType.ZERO) {
      return Errno.EINVAL;
    }
    if (from != 0) {
      byte[] content = new byte[4096];
      if (!vm.copyFromUser(from, content, 0, 4096).ok()) {
        return Errno.EFAULT;
      }
      host.memory().raw().write(pfn << PAGE_SHIFT, content, 0, 4096);
    }
    Errno made = host.makePrivate(vm, pfn, gfn << PAGE_SHIFT, false, info.asid, true);
    if (!made.ok()) {
      host.memory().raw().zero(pfn, 1);
      return Errno.EFAULT;
    }
    FwStatus status =
        firmware
            .launch()
            .update(info.gctx << PAGE_SHIFT, pfn << PAGE_SHIFT, false, type.code(), false, 0);
    last[0] = status;
    if (status.ok()) {
      return Errno.OK;
    }
    if (!host.reclaim(vm, pfn).ok()) {
      return Errno.EIO;
    }
    if (type == LaunchPageType.CPUID && status == FwStatus.INVALID_PARAM && from != 0) {
      // The firmware put what it would accept there. A source it cannot be copied to loses that.
      byte[] corrected = new byte[4096];
      host.memory().raw().read(pfn << PAGE_SHIFT, corrected, 0, 4096);
      var _ = vm.copyToUser(from, corrected, 0, 4096);
    }
    host.memory().raw().zero(pfn, 1);
    return Errno.EIO;
  }

  long finish(VendorCommand c) {
    SevInfo info = sev.info();
    Fields in = c.in();
    if (!info.snp()) {
      return -Errno.ENOTTY.number();
    }
    if (info.gctx < 0 || in.number("flags", 0) != 0) {
      return -Errno.EINVAL.number();
    }
    // The VMSAs come first; what follows may fail and does not take them back.
    for (VcpuContext vcpu : vm.vcpus()) {
      long r = measureVmsa(c, vcpu);
      if (r != 0) {
        return r;
      }
    }
    byte[] block = null;
    byte[] auth = null;
    if (in.number("id_block_en", 0) != 0) {
      block = new byte[96];
      auth = new byte[4096];
      Errno r = copy(in.number("id_block_uaddr", 0), block);
      r = r.ok() ? copy(in.number("id_auth_uaddr", 0), auth) : r;
      if (!r.ok()) {
        return -r.number();
      }
    }
    FwStatus status =
        firmware
            .launch()
            .finish(
                info.gctx << PAGE_SHIFT,
                block,
                auth,
                in.number("auth_key_en", 0) != 0,
                hostData(in));
    if (!status.ok()) {
      return fail(c, status, Errno.EIO);
    }
    info.finished = true;
    return done(c);
  }

  /** psp_copy_user_blob. */
  private Errno copy(long uaddr, byte[] into) {
    return uaddr == 0 ? Errno.EINVAL : vm.copyFromUser(uaddr, into, 0, into.length);
  }

  private static byte[] hostData(Fields in) {
    String hex = in.text("host_data", "");
    if (hex.length() % 2 != 0 || hex.length() > 64) {
      throw new IllegalArgumentException("host_data is 32 bytes in hex");
    }
    return Arrays.copyOf(HexFormat.of().parseHex(hex), 32);
  }

  /** Measures a vCPU's VMSA and gives it to the guest; 0 or a negative errno. */
  private long measureVmsa(VendorCommand c, VcpuContext vcpu) {
    SevInfo info = sev.info();
    SevVcpu state = sev.stateOf(vcpu);
    if (state.protectedState) {
      // An earlier FINISH got this far: what is encrypted cannot be synchronised again.
      return -Errno.EINVAL.number();
    }
    host.memory().raw().write(state.vmsa << PAGE_SHIFT, VmsaPage.reset(info.vmsaFeatures), 0, 4096);
    Errno made = host.makePrivate(vm, state.vmsa, LaunchDigest.VMSA_GPA, false, info.asid, true);
    if (!made.ok()) {
      return -made.number();
    }
    FwStatus status =
        firmware
            .launch()
            .update(
                info.gctx << PAGE_SHIFT,
                state.vmsa << PAGE_SHIFT,
                false,
                LaunchPageType.VMSA.code(),
                false,
                0);
    if (!status.ok()) {
      var _ = host.reclaim(vm, state.vmsa);
      return fail(c, status, Errno.EIO);
    }
    state.protectedState = true;
    return 0;
  }

  /** Ends a command that the firmware or the host refused; {@code error} is copied back. */
  static long fail(VendorCommand c, FwStatus status, Errno errno) {
    c.out().put("error", status.code() & 0xffff_ffffL);
    return -errno.number();
  }

  static long done(VendorCommand c) {
    c.out().put("error", 0);
    return 0;
  }
}
