package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LegacyFirmware;
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
    if (length == 0) {
      FwStatus s = firmware.sendStart(sev.info().handle, new byte[0]);
      c.out().put("session_len", s == FwStatus.INVALID_LEN ? LegacyFirmware.sessionSize() : 0);
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    if (in.number("pdh_cert_uaddr", 0) == 0
        || in.number("pdh_cert_len", 0) == 0
        || in.number("session_uaddr", 0) == 0
        || length < 0
        || length > UserPages.MAX_BLOB) {
      return -Errno.EINVAL.number();
    }
    for (String cert : List.of("pdh_cert", "plat_certs", "amd_certs")) {
      Errno r = user.blob(in.number(cert + "_uaddr", 0), in.number(cert + "_len", 0)).errno();
      if (!r.ok()) {
        return -r.number();
      }
    }
    byte[] session = new byte[(int) length];
    FwStatus s = firmware.sendStart(sev.info().handle, session);
    if (s.ok() && !vm.copyToUser(in.number("session_uaddr"), session, 0, session.length).ok()) {
      return -Errno.EFAULT.number();
    }
    c.out().put("policy", firmware.policy(sev.info().handle));
    c.out().put("session_len", LegacyFirmware.sessionSize());
    return s.ok() ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
  }

  long sendUpdate(VendorCommand c) {
    Fields in = c.in();
    long headerLength = in.number("hdr_len", 0);
    long packetLength = in.number("trans_len", 0);
    if (headerLength == 0 || packetLength == 0) {
      FwStatus s = firmware.sendUpdate(sev.info().handle, 0, 0, new byte[0], new byte[0]);
      c.out().put("hdr_len", s == FwStatus.INVALID_LEN ? LegacyFirmware.headerSize() : 0);
      // The query names no piece of the guest, so its packet has no length.
      c.out().put("trans_len", 0);
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    long uaddr = in.number("guest_uaddr", 0);
    long length = in.number("guest_len", 0);
    if (in.number("trans_uaddr", 0) == 0
        || uaddr == 0
        || length == 0
        || in.number("hdr_uaddr", 0) == 0
        || crossesPage(uaddr, length)) {
      return -Errno.EINVAL.number();
    }
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr & -PAGE, PAGE, pins);
    if (!r.ok()) {
      return -r.number();
    }
    try {
      if (tooMuch(headerLength) || tooMuch(packetLength)) {
        return -Errno.ENOMEM.number();
      }
      byte[] header = new byte[(int) headerLength];
      byte[] packet = new byte[(int) packetLength];
      long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & PAGE - 1);
      FwStatus s = firmware.sendUpdate(sev.info().handle, hpa, (int) length, header, packet);
      if (!s.ok()) {
        return SnpLaunch.fail(c, s, Errno.EIO);
      }
      boolean copied =
          vm.copyToUser(in.number("trans_uaddr"), packet, 0, packet.length).ok()
              && vm.copyToUser(in.number("hdr_uaddr"), header, 0, header.length).ok();
      return copied ? SnpLaunch.done(c) : -Errno.EFAULT.number();
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
        return -Errno.EINVAL.number();
      }
    }
    if (crossesPage(uaddr, length)) {
      return -Errno.EINVAL.number();
    }
    var header = user.blob(in.number("hdr_uaddr"), in.number("hdr_len"));
    if (!header.errno().ok()) {
      return -header.errno().number();
    }
    var packet = user.blob(in.number("trans_uaddr"), in.number("trans_len"));
    if (!packet.errno().ok()) {
      return -packet.errno().number();
    }
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr & -PAGE, PAGE, pins);
    if (!r.ok()) {
      return -r.number();
    }
    long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & PAGE - 1);
    FwStatus s =
        firmware.receiveUpdate(
            sev.info().handle, hpa, (int) length, header.bytes(), packet.bytes());
    user.unpin(pins);
    return s.ok() ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
  }

  private static boolean crossesPage(long uaddr, long length) {
    return length < 0 || length > PAGE || (uaddr & PAGE - 1) + length > PAGE;
  }
}
