package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.snp.psp.FwCommand;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LegacyFirmware;
import java.util.ArrayList;
import java.util.List;

/**
 * The commands of SEV and SEV-ES guests: launch, debug, send and receive.
 *
 * <p>Called under the kvm lock. Source: {@code arch/x86/kvm/svm/sev.c}, sev_launch_start and its
 * neighbours, sev_send_start, sev_send_update_data, sev_receive_start, sev_receive_update_data.
 */
final class LegacyLaunch {
  private static final long MAX_BLOB = 16 * 1024;
  private static final int SESSION_SIZE = 128;
  private static final int HEADER_SIZE = 52;

  private final SevVm sev;
  private final VmContext vm;
  private final LegacyFirmware firmware;

  LegacyLaunch(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.firmware = sev.platform().legacyFirmware();
  }

  long run(SevCommand id, VendorCommand c) {
    SevInfo info = sev.info();
    if (!info.active) {
      // One odd one out: RECEIVE_UPDATE_DATA takes a VM without SEV for a wrong argument.
      return switch (id) {
        case RECEIVE_UPDATE_DATA, SEND_UPDATE_VMSA, RECEIVE_UPDATE_VMSA, CERT_EXPORT ->
            -Errno.EINVAL.number();
        default -> -Errno.ENOTTY.number();
      };
    }
    return switch (id) {
      case LAUNCH_START -> start(c, false);
      case LAUNCH_UPDATE_DATA -> updateData(c);
      case LAUNCH_UPDATE_VMSA -> updateVmsa(c);
      case LAUNCH_MEASURE -> measure(c);
      case LAUNCH_SECRET -> secret(c);
      case LAUNCH_FINISH -> step(c, FwCommand.LAUNCH_FINISH);
      case GUEST_STATUS -> status(c);
      case DBG_DECRYPT, DBG_ENCRYPT -> debug(c, id == SevCommand.DBG_DECRYPT);
      case GET_ATTESTATION_REPORT -> attestation(c);
      case SEND_START -> sendStart(c);
      case SEND_UPDATE_DATA -> sendUpdate(c);
      case SEND_FINISH -> step(c, FwCommand.SEND_FINISH);
      case SEND_CANCEL -> step(c, FwCommand.SEND_CANCEL);
      case RECEIVE_START -> start(c, true);
      case RECEIVE_UPDATE_DATA -> receiveUpdate(c);
      case RECEIVE_FINISH -> step(c, FwCommand.RECEIVE_FINISH);
      default -> -Errno.EINVAL.number();
    };
  }

  private long start(VendorCommand c, boolean receive) {
    int[] handle = new int[1];
    FwStatus s = firmware.start(receive, c.in().number("policy", 0), handle);
    if (!s.ok()) {
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    s = firmware.activate(handle[0], sev.info().asid);
    if (!s.ok()) {
      firmware.decommission(handle[0]);
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    sev.info().handle = handle[0];
    c.out().put("handle", handle[0]);
    return SnpLaunch.done(c);
  }

  private long updateData(VendorCommand c) {
    long uaddr = c.in().number("uaddr", 0);
    long len = c.in().number("len", 0);
    if (len <= 0 || uaddr + len < uaddr) {
      return -Errno.EINVAL.number();
    }
    List<Long> pins = new ArrayList<>();
    try {
      for (long at = uaddr; at < uaddr + len; at += piece(at, uaddr + len)) {
        long pfn = vm.pinUserPage(at);
        if (pfn < 0) {
          return pfn;
        }
        pins.add(pfn);
        FwStatus s =
            firmware.launchUpdate(
                sev.info().handle, false, (pfn << 12) + (at & 0xFFF), (int) piece(at, uaddr + len));
        if (!s.ok()) {
          return SnpLaunch.fail(c, s, Errno.EIO);
        }
      }
      return SnpLaunch.done(c);
    } finally {
      pins.forEach(vm::unpinUserPage);
    }
  }

  private static long piece(long at, long end) {
    return Math.min(4096 - (at & 0xFFF), end - at);
  }

  private long updateVmsa(VendorCommand c) {
    if (!sev.info().esActive) {
      return -Errno.ENOTTY.number();
    }
    for (VcpuContext vcpu : vm.vcpus()) {
      SevVcpu state = sev.stateOf(vcpu);
      if (state.protectedState) {
        return -Errno.EINVAL.number();
      }
      sev.platform()
          .host()
          .memory()
          .raw()
          .write(state.vmsa << 12, VmsaPage.reset(sev.info().vmsaFeatures), 0, 4096);
      FwStatus s = firmware.launchUpdate(sev.info().handle, true, state.vmsa << 12, 4096);
      if (!s.ok()) {
        return SnpLaunch.fail(c, s, Errno.EIO);
      }
      state.protectedState = true;
    }
    return SnpLaunch.done(c);
  }

  private long measure(VendorCommand c) {
    long len = c.in().number("len", 0);
    if (len > MAX_BLOB) {
      return -Errno.EINVAL.number();
    }
    // A short buffer is a query: the firmware names the length it needs.
    byte[] into = new byte[(int) len];
    c.out().put("len", LegacyFirmware.MEASUREMENT_SIZE);
    FwStatus s = firmware.measure(sev.info().handle, into);
    if (!s.ok()) {
      return len == 0 ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
    }
    long uaddr = c.in().number("uaddr", 0);
    if (!vm.copyToUser(uaddr, into, 0, LegacyFirmware.MEASUREMENT_SIZE).ok()) {
      return -Errno.EFAULT.number();
    }
    return SnpLaunch.done(c);
  }

  private long secret(VendorCommand c) {
    long uaddr = c.in().number("guest_uaddr", 0);
    long len = c.in().number("guest_len", 0);
    if (len <= 0 || uaddr + len < uaddr) {
      return -Errno.EINVAL.number();
    }
    byte[] secret = new byte[(int) Math.min(len, 4096)];
    // The firmware takes one physical range, so pages that are not contiguous are refused.
    if (((uaddr & 0xFFF) + len) > 4096) {
      return -Errno.EINVAL.number();
    }
    if (!vm.copyFromUser(c.in().number("trans_uaddr", 0), secret, 0, secret.length).ok()) {
      return -Errno.EFAULT.number();
    }
    long pfn = vm.pinUserPage(uaddr);
    if (pfn < 0) {
      return pfn;
    }
    try {
      FwStatus s = firmware.step(FwCommand.LAUNCH_UPDATE_SECRET, sev.info().handle);
      if (!s.ok()) {
        return SnpLaunch.fail(c, s, Errno.EIO);
      }
      sev.platform()
          .host()
          .memory()
          .raw()
          .write((pfn << 12) + (uaddr & 0xFFF), secret, 0, secret.length);
      return SnpLaunch.done(c);
    } finally {
      vm.unpinUserPage(pfn);
    }
  }

  private long step(VendorCommand c, FwCommand command) {
    FwStatus s = firmware.step(command, sev.info().handle);
    return s.ok() ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
  }

  private long status(VendorCommand c) {
    int handle = sev.info().handle;
    c.out().put("handle", handle).put("policy", firmware.policy(handle));
    c.out().put("state", firmware.state(handle).number());
    return SnpLaunch.done(c);
  }

  private long debug(VendorCommand c, boolean decrypt) {
    Fields in = c.in();
    long src = in.number("src_uaddr", 0);
    long dst = in.number("dst_uaddr", 0);
    long len = in.number("len", 0);
    if (len <= 0 || src + len < src || dst == 0) {
      return -Errno.EINVAL.number();
    }
    for (long done = 0; done < len; ) {
      long n = Math.min(piece(src + done, src + len), piece(dst + done, dst + len));
      long from = vm.pinUserPage(src + done);
      long to = from < 0 ? from : vm.pinUserPage(dst + done);
      if (to < 0) {
        if (from >= 0) {
          vm.unpinUserPage(from);
        }
        return to;
      }
      FwStatus s =
          firmware.debug(
              sev.info().handle,
              decrypt,
              (from << 12) + (src + done & 0xFFF),
              (to << 12) + (dst + done & 0xFFF),
              (int) n);
      vm.unpinUserPage(from);
      vm.unpinUserPage(to);
      if (!s.ok()) {
        return SnpLaunch.fail(c, s, Errno.EIO);
      }
      done += n;
    }
    return SnpLaunch.done(c);
  }

  private long attestation(VendorCommand c) {
    long len = c.in().number("len", 0);
    int needed = 0x210;
    c.out().put("len", needed);
    if (len == 0) {
      return SnpLaunch.done(c);
    }
    if (len > MAX_BLOB) {
      return -Errno.EINVAL.number();
    }
    if (len < needed) {
      return SnpLaunch.fail(c, FwStatus.INVALID_LEN, Errno.EIO);
    }
    return vm.copyToUser(c.in().number("uaddr", 0), new byte[needed], 0, needed).ok()
        ? SnpLaunch.done(c)
        : -Errno.EFAULT.number();
  }

  private long sendStart(VendorCommand c) {
    Fields in = c.in();
    long session = in.number("session_len", 0);
    if (session == 0) {
      c.out().put("session_len", SESSION_SIZE).put("policy", firmware.policy(sev.info().handle));
      return SnpLaunch.done(c);
    }
    if (in.number("pdh_cert_uaddr", 0) == 0
        || in.number("session_uaddr", 0) == 0
        || session > MAX_BLOB
        || in.number("pdh_cert_len", 0) == 0
        || in.number("pdh_cert_len", 0) > MAX_BLOB) {
      return -Errno.EINVAL.number();
    }
    c.out().put("session_len", SESSION_SIZE).put("policy", firmware.policy(sev.info().handle));
    return step(c, FwCommand.SEND_START);
  }

  private long sendUpdate(VendorCommand c) {
    Fields in = c.in();
    long transLen = in.number("trans_len", 0);
    if (in.number("hdr_len", 0) == 0 || transLen == 0) {
      c.out().put("hdr_len", HEADER_SIZE).put("trans_len", in.number("guest_len", 0));
      return SnpLaunch.done(c);
    }
    long uaddr = in.number("guest_uaddr", 0);
    long len = in.number("guest_len", 0);
    if (in.number("trans_uaddr", 0) == 0
        || uaddr == 0
        || len == 0
        || in.number("hdr_uaddr", 0) == 0
        || crossesPage(uaddr, len)) {
      return -Errno.EINVAL.number();
    }
    long r = transfer(uaddr, in.number("trans_uaddr", 0), (int) Math.min(len, transLen));
    return r < 0 ? r : step(c, FwCommand.SEND_UPDATE_DATA);
  }

  private long receiveUpdate(VendorCommand c) {
    Fields in = c.in();
    long uaddr = in.number("guest_uaddr", 0);
    long len = in.number("guest_len", 0);
    for (String f :
        List.of("hdr_uaddr", "hdr_len", "guest_uaddr", "guest_len", "trans_uaddr", "trans_len")) {
      if (in.number(f, 0) == 0) {
        return -Errno.EINVAL.number();
      }
    }
    if (crossesPage(uaddr, len)) {
      return -Errno.EINVAL.number();
    }
    long r = transfer(in.number("trans_uaddr"), uaddr, (int) Math.min(len, in.number("trans_len")));
    return r < 0 ? r : step(c, FwCommand.RECEIVE_UPDATE_DATA);
  }

  private static boolean crossesPage(long uaddr, long len) {
    return (uaddr & 0xFFF) + len > 4096 || len < 0;
  }

  private long transfer(long from, long to, int length) {
    byte[] data = new byte[length];
    if (!vm.copyFromUser(from, data, 0, length).ok() || !vm.copyToUser(to, data, 0, length).ok()) {
      return -Errno.EFAULT.number();
    }
    return 0;
  }
}
