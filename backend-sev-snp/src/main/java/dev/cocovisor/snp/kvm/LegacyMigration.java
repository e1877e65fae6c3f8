package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LegacyFirmware;
import dev.cocovisor.snp.psp.LegacyTransfer;
import java.util.ArrayList;
import java.util.List;

/**
 * The commands that send a SEV guest and receive one.
 *
 * <p>A query is a real command without buffers: the firmware refuses it with INVALID_LEN and names
 * the length, so the caller sees EIO and the answer. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_send_start, sev_send_update_data, sev_receive_update_data.
 */
final class LegacyMigration {
  private static final int PAGE = 4096;

  /** What kzalloc gives at most, bytes. */
  private static final long MAX_ALLOCATION = 4 << 20;

  private final SevVm sev;
  private final VmContext vm;
  private final UserPages user;
  private final LegacyFirmware firmware;

  LegacyMigration(SevVm sev, UserPages user) {
    this.sev = sev;
    this.vm = sev.context();
    this.user = user;
    this.firmware = sev.platform().legacyFirmware();
  }

  long sendStart(VendorCommand c) {
    Fields in = c.in();
    long length = in.number("session_len", 0);
    if (length == 0 && !sev.hasFirmwareFile()) {
      c.out().put("session_len", 0);
      return LegacyLaunch.noFile(sev);
    }
    if (length == 0) {
      FwStatus s = firmware.transfer().sendStart(sev.info().handle, new byte[0]);
      c.out().put("session_len", s == FwStatus.INVALID_LEN ? LegacyTransfer.sessionSize() : 0);
      return LegacyLaunch.refused(sev, c, s);
    }
    if (in.number("pdh_cert_uaddr", 0) == 0
        || in.number("pdh_cert_len", 0) == 0
        || in.number("session_uaddr", 0) == 0
        || length < 0
        || length > UserPages.MAX_BLOB) {
      return sev.fail(Errno.EINVAL, "pdh_cert or session are missing, or session is too long");
    }
    for (String cert : List.of("pdh_cert", "plat_certs", "amd_certs")) {
      Errno r = user.blob(in, cert).errno();
      if (!r.ok()) {
        return -r.number();
      }
    }
    if (!sev.hasFirmwareFile()) {
      c.out().put("policy", 0).put("session_len", length);
      return LegacyLaunch.noFile(sev);
    }
    byte[] session = new byte[(int) length];
    FwStatus s = firmware.transfer().sendStart(sev.info().handle, session);
    if (s.ok() && !vm.copyToUser(in.number("session_uaddr"), session, 0, session.length).ok()) {
      return sev.fail(Errno.EFAULT, "session_uaddr is not writable");
    }
    // Copied back whatever the firmware said, which names a length only where it misses one.
    c.out().put("policy", s.ok() ? firmware.policy(sev.info().handle) : 0);
    boolean named = s.ok() || s == FwStatus.INVALID_LEN;
    c.out().put("session_len", named ? LegacyTransfer.sessionSize() : length);
    return s.ok() ? SnpLaunch.done(c) : LegacyLaunch.refused(sev, c, s);
  }

  long sendUpdate(VendorCommand c) {
    Fields in = c.in();
    long headerLength = in.number("hdr_len", 0);
    long packetLength = in.number("trans_len", 0);
    boolean query = headerLength == 0 || packetLength == 0;
    if (query && !sev.hasFirmwareFile()) {
      c.out().put("hdr_len", 0).put("trans_len", 0);
      return LegacyLaunch.noFile(sev);
    }
    if (query) {
      FwStatus s =
          firmware.transfer().sendUpdate(sev.info().handle, 0, 0, new byte[0], new byte[0]);
      c.out().put("hdr_len", s == FwStatus.INVALID_LEN ? LegacyTransfer.headerSize() : 0);
      // The query names no piece of the guest, so its packet has no length.
      c.out().put("trans_len", 0);
      return LegacyLaunch.refused(sev, c, s);
    }
    long uaddr = in.number("guest_uaddr", 0);
    long length = in.number("guest_len", 0);
    if (in.number("trans_uaddr", 0) == 0
        || uaddr == 0
        || length == 0
        || in.number("hdr_uaddr", 0) == 0) {
      return sev.fail(Errno.EINVAL, "an address or guest_len is 0");
    }
    if (crossesPage(uaddr, length)) {
      return sev.fail(Errno.EINVAL, "the guest's piece crosses a page");
    }
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr & -PAGE, PAGE, false, pins);
    if (!r.ok()) {
      return -r.number();
    }
    try {
      if (tooMuch(headerLength) || tooMuch(packetLength)) {
        return sev.fail(Errno.ENOMEM, "hdr_len or trans_len is more than can be allocated");
      }
      if (!sev.hasFirmwareFile()) {
        return LegacyLaunch.noFile(sev);
      }
      byte[] header = new byte[(int) headerLength];
      byte[] packet = new byte[(int) packetLength];
      long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & PAGE - 1);
      FwStatus s =
          firmware.transfer().sendUpdate(sev.info().handle, hpa, (int) length, header, packet);
      if (!s.ok()) {
        return LegacyLaunch.refused(sev, c, s);
      }
      boolean copied =
          vm.copyToUser(in.number("trans_uaddr"), packet, 0, packet.length).ok()
              && vm.copyToUser(in.number("hdr_uaddr"), header, 0, header.length).ok();
      return copied
          ? SnpLaunch.done(c)
          : sev.fail(Errno.EFAULT, "trans_uaddr or hdr_uaddr is not writable");
    } finally {
      user.unpin(pins);
    }
  }

  private static boolean tooMuch(long length) {
    return length < 0 || length > MAX_ALLOCATION;
  }

  long receiveUpdate(VendorCommand c) {
    Fields in = c.in();
    long uaddr = in.number("guest_uaddr", 0);
    long length = in.number("guest_len", 0);
    for (String f :
        List.of("hdr_uaddr", "hdr_len", "guest_uaddr", "guest_len", "trans_uaddr", "trans_len")) {
      if (in.number(f, 0) == 0) {
        return -sev.refuse(Errno.EINVAL, () -> f + " is 0").number();
      }
    }
    if (crossesPage(uaddr, length)) {
      return sev.fail(Errno.EINVAL, "the guest's piece crosses a page");
    }
    var header = user.blob(in, "hdr");
    if (!header.errno().ok()) {
      return -header.errno().number();
    }
    var packet = user.blob(in, "trans");
    if (!packet.errno().ok()) {
      return -packet.errno().number();
    }
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr & -PAGE, PAGE, pins);
    if (!r.ok()) {
      return -r.number();
    }
    if (!sev.hasFirmwareFile()) {
      user.unpin(pins);
      return LegacyLaunch.noFile(sev);
    }
    long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & PAGE - 1);
    FwStatus s =
        firmware
            .transfer()
            .receiveUpdate(sev.info().handle, hpa, (int) length, header.bytes(), packet.bytes());
    user.unpin(pins);
    return s.ok() ? SnpLaunch.done(c) : LegacyLaunch.refused(sev, c, s);
  }

  private static boolean crossesPage(long uaddr, long length) {
    return length < 0 || length > PAGE || (uaddr & PAGE - 1) + length > PAGE;
  }
}
