package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LegacyFirmware;
import java.util.ArrayList;
import java.util.List;

/**
 * KVM_SEV_DBG_DECRYPT and DBG_ENCRYPT: page by page.
 *
 * <p>Source: {@code arch/x86/kvm/svm/sev.c}, sev_dbg_crypt (7.3, which refuses address 0 and
 * carries what is no whole block through a buffer; the bytes come out the same).
 */
final class LegacyDebug {
  private static final int PAGE = 4096;

  private final SevVm sev;
  private final UserPages user;
  private final LegacyFirmware firmware;

  LegacyDebug(SevVm sev, UserPages user) {
    this.sev = sev;
    this.user = user;
    this.firmware = sev.platform().legacyFirmware();
  }

  long run(VendorCommand c, boolean decrypt) {
    long src = c.in().number("src_uaddr", 0);
    long dst = c.in().number("dst_uaddr", 0);
    long left = c.in().number("len", 0) & 0xffff_ffffL;
    if (left == 0 || src == 0 || dst == 0) {
      return sev.fail(Errno.EINVAL, "len or an address is 0");
    }
    if (Long.compareUnsigned(src + left, src) < 0 || Long.compareUnsigned(dst + left, dst) < 0) {
      return sev.fail(Errno.EINVAL, "a range wraps around");
    }
    while (left > 0) {
      int n = (int) Math.min(left, PAGE - Math.max(src & PAGE - 1, dst & PAGE - 1));
      List<Long> pins = new ArrayList<>();
      Errno r = pinBoth(src, dst, pins);
      if (!r.ok()) {
        return -r.number();
      }
      if (!sev.hasFirmwareFile()) {
        user.unpin(pins);
        return LegacyLaunch.noFile(sev);
      }
      long from = (pins.getFirst() << PAGE_SHIFT) + (src & PAGE - 1);
      long to = (pins.getLast() << PAGE_SHIFT) + (dst & PAGE - 1);
      FwStatus s = firmware.debug(sev.info().handle, decrypt, from, to, n);
      user.unpin(pins);
      if (!s.ok()) {
        return LegacyLaunch.refused(sev, c, s);
      }
      src += n;
      dst += n;
      left -= n;
    }
    return SnpLaunch.done(c);
  }

  private Errno pinBoth(long src, long dst, List<Long> pins) {
    Errno r = user.pin(src & -PAGE, PAGE, false, pins);
    if (r.ok()) {
      List<Long> other = new ArrayList<>();
      r = user.pin(dst & -PAGE, PAGE, other);
      if (!r.ok()) {
        user.unpin(pins);
      }
      pins.addAll(other);
    }
    return r;
  }
}
