package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The commands of SEV and SEV-ES guests: which there are, and those of a launch.
 *
 * <p>Called under the kvm lock. Source: {@code arch/x86/kvm/svm/sev.c}, sev_launch_start and its
 * neighbours, sev_receive_start.
 */
final class LegacyLaunch {
  private final SevVm sev;
  private final VmContext vm;
  private final LegacyFirmware firmware;
  private final UserPages user;
  private final LegacyDebug debug;
  private final LegacyMigration migration;

  LegacyLaunch(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.firmware = sev.platform().legacyFirmware();
    this.user = new UserPages(vm);
    this.debug = new LegacyDebug(sev, user);
    this.migration = new LegacyMigration(sev, user);
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
      case LAUNCH_START -> launchStart(c);
      case LAUNCH_UPDATE_DATA -> updateData(c);
      case LAUNCH_UPDATE_VMSA -> updateVmsa(c);
      case LAUNCH_MEASURE -> measure(c);
      case LAUNCH_SECRET -> secret(c);
      case LAUNCH_FINISH -> step(c, FwCommand.LAUNCH_FINISH);
      case GUEST_STATUS -> status(c);
      case DBG_DECRYPT, DBG_ENCRYPT -> debug.run(c, id == SevCommand.DBG_DECRYPT);
      case GET_ATTESTATION_REPORT -> attestation(c);
      case SEND_START -> migration.sendStart(c);
      case SEND_UPDATE_DATA -> migration.sendUpdate(c);
      case SEND_FINISH -> step(c, FwCommand.SEND_FINISH);
      case SEND_CANCEL -> step(c, FwCommand.SEND_CANCEL);
      case RECEIVE_START -> receiveStart(c);
      case RECEIVE_UPDATE_DATA -> migration.receiveUpdate(c);
      case RECEIVE_FINISH -> step(c, FwCommand.RECEIVE_FINISH);
      default -> -Errno.EINVAL.number();
    };
  }

  private long launchStart(VendorCommand c) {
    Fields in = c.in();
    for (String blob : List.of("dh", "session")) {
      long uaddr = in.number(blob + "_uaddr", 0);
      Errno r = uaddr == 0 ? Errno.OK : user.blob(uaddr, in.number(blob + "_len", 0)).errno();
      if (!r.ok()) {
        return -r.number();
      }
    }
    return start(c, null);
  }

  private long receiveStart(VendorCommand c) {
    Fields in = c.in();
    Errno r = user.blob(in.number("pdh_uaddr", 0), in.number("pdh_len", 0)).errno();
    var session = user.blob(in.number("session_uaddr", 0), in.number("session_len", 0));
    if (r == Errno.EINVAL || session.errno() == Errno.EINVAL) {
      return -Errno.EINVAL.number();
    }
    r = r.ok() ? session.errno() : r;
    return r.ok() ? start(c, session.bytes()) : -r.number();
  }

  private long start(VendorCommand c, byte @Nullable [] session) {
    int[] handle = new int[1];
    FwStatus s = firmware.start(session, c.in().number("policy", 0), handle);
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
    long len = c.in().number("len", 0) & 0xffff_ffffL;
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr, len, pins);
    if (!r.ok()) {
      return -r.number();
    }
    try {
      long at = uaddr;
      for (long pfn : pins) {
        int n = (int) Math.min(4096 - (at & 0xFFF), uaddr + len - at);
        FwStatus s =
            firmware.launchUpdate(sev.info().handle, false, (pfn << PAGE_SHIFT) + (at & 0xFFF), n);
        if (!s.ok()) {
          return SnpLaunch.fail(c, s, Errno.EIO);
        }
        at += n;
      }
      return SnpLaunch.done(c);
    } finally {
      user.unpin(pins);
    }
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
      byte[] page = VmsaPage.reset(sev.info().vmsaFeatures);
      sev.platform().host().memory().raw().write(state.vmsa << PAGE_SHIFT, page, 0, page.length);
      FwStatus s =
          firmware.launchUpdate(sev.info().handle, true, state.vmsa << PAGE_SHIFT, page.length);
      if (!s.ok()) {
        return SnpLaunch.fail(c, s, Errno.EIO);
      }
      state.protectedState = true;
    }
    return SnpLaunch.done(c);
  }

  /**
   * A command that fills a blob of the firmware's; {@code run} gets what user space has room for.
   */
  private long filled(VendorCommand c, int needed, Function<byte[], FwStatus> run) {
    long length = c.in().number("len", 0) & 0xffff_ffffL;
    long uaddr = c.in().number("uaddr", 0);
    if (length == 0) {
      // A query is refused by the firmware, which names the length: EIO and the answer.
      FwStatus s = run.apply(new byte[0]);
      c.out().put("len", s == FwStatus.INVALID_LEN ? needed : 0);
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    if (uaddr != 0 && length > UserPages.MAX_BLOB) {
      return -Errno.EINVAL.number();
    }
    // Without an address the firmware gets no room either.
    byte[] into = new byte[uaddr == 0 ? 0 : (int) length];
    FwStatus s = run.apply(into);
    if (!s.ok()) {
      return SnpLaunch.fail(c, s, Errno.EIO);
    }
    if (!vm.copyToUser(uaddr, into, 0, into.length).ok()) {
      return -Errno.EFAULT.number();
    }
    c.out().put("len", needed);
    return SnpLaunch.done(c);
  }

  private long measure(VendorCommand c) {
    return filled(
        c, LegacyFirmware.MEASUREMENT_SIZE, into -> firmware.measure(sev.info().handle, into));
  }

  private long attestation(VendorCommand c) {
    return filled(c, LegacyFirmware.REPORT_SIZE, into -> firmware.report(sev.info().handle, into));
  }

  /** The owner's packet is taken for the secret itself: its encryption is not modelled. */
  private long secret(VendorCommand c) {
    Fields in = c.in();
    long uaddr = in.number("guest_uaddr", 0);
    long length = in.number("guest_len", 0) & 0xffff_ffffL;
    List<Long> pins = new ArrayList<>();
    Errno r = user.pin(uaddr, length, pins);
    if (!r.ok()) {
      return -r.number();
    }
    try {
      for (int i = 1; i < pins.size(); i++) {
        if (pins.get(i) != pins.getFirst() + i) {
          return -Errno.EINVAL.number();
        }
      }
      var packet = user.blob(in.number("trans_uaddr", 0), in.number("trans_len", 0));
      if (!packet.errno().ok()) {
        return -packet.errno().number();
      }
      r = user.blob(in.number("hdr_uaddr", 0), in.number("hdr_len", 0)).errno();
      if (!r.ok()) {
        return -r.number();
      }
      long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & 0xFFF);
      FwStatus s =
          packet.bytes().length == length
              ? firmware.secret(sev.info().handle, hpa, packet.bytes())
              : FwStatus.INVALID_LEN;
      return s.ok() ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
    } finally {
      user.unpin(pins);
    }
  }

  private long step(VendorCommand c, FwCommand command) {
    FwStatus s = firmware.step(command, sev.info().handle);
    return s.ok() ? SnpLaunch.done(c) : SnpLaunch.fail(c, s, Errno.EIO);
  }

  private long status(VendorCommand c) {
    int handle = sev.info().handle;
    if (firmware.state(handle) == LegacyFirmware.State.INVALID) {
      return SnpLaunch.fail(c, FwStatus.INVALID_GUEST, Errno.EIO);
    }
    c.out().put("handle", handle).put("policy", firmware.policy(handle));
    c.out().put("state", firmware.state(handle).number());
    return SnpLaunch.done(c);
  }
}
