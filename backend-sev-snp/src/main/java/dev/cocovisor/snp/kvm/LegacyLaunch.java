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
 * <p>Called under the kvm lock. Source: {@code arch/x86/kvm/svm/sev.c}, sev_launch_start,
 * sev_bind_asid, sev_launch_update_data, sev_launch_update_vmsa, sev_launch_measure,
 * sev_launch_finish, sev_guest_status, sev_launch_secret, sev_get_attestation_report,
 * sev_receive_start, sev_issue_cmd (7.3).
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
    this.user = new UserPages(sev);
    this.debug = new LegacyDebug(sev, user);
    this.migration = new LegacyMigration(sev, user);
  }

  long run(SevCommand id, VendorCommand c) {
    SevInfo info = sev.info();
    if (!info.active) {
      // One odd one out: RECEIVE_UPDATE_DATA takes a VM without SEV for a wrong argument.
      return switch (id) {
        case RECEIVE_UPDATE_DATA, SEND_UPDATE_VMSA, RECEIVE_UPDATE_VMSA, CERT_EXPORT ->
            sev.fail(Errno.EINVAL, "no SEV guest, or a command without a handler");
        default -> sev.fail(Errno.ENOTTY, "the VM is no SEV guest, or not before INIT2");
      };
    }
    boolean reads =
        switch (id) {
          case LAUNCH_UPDATE_VMSA, LAUNCH_FINISH, GUEST_STATUS -> false;
          case SEND_FINISH, SEND_CANCEL, RECEIVE_FINISH -> false;
          case SEND_UPDATE_VMSA, RECEIVE_UPDATE_VMSA, CERT_EXPORT -> false;
          default -> true;
        };
    if (reads && CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
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
      default -> sev.fail(Errno.EINVAL, "the command has no handler");
    };
  }

  private long launchStart(VendorCommand c) {
    Fields in = c.in();
    for (String blob : List.of("dh", "session")) {
      long uaddr = in.number(blob + "_uaddr", 0);
      Errno r = uaddr == 0 ? Errno.OK : user.blob(in, blob).errno();
      if (!r.ok()) {
        return -r.number();
      }
    }
    return start(c, null);
  }

  private long receiveStart(VendorCommand c) {
    Fields in = c.in();
    for (String f : List.of("pdh_uaddr", "pdh_len", "session_uaddr", "session_len")) {
      if (in.number(f, 0) == 0) {
        return -sev.refuse(Errno.EINVAL, () -> f + " is 0").number();
      }
    }
    Errno r = user.blob(in, "pdh").errno();
    if (!r.ok()) {
      return -r.number();
    }
    var session = user.blob(in, "session");
    return session.errno().ok() ? start(c, session.bytes()) : -session.errno().number();
  }

  private long start(VendorCommand c, byte @Nullable [] session) {
    if (!FirmwareFile.isOpen(vm, FirmwareFile.of(c.in()))) {
      return noFile();
    }
    int[] handle = new int[1];
    FwStatus s = firmware.start(session, c.in().number("policy", 0), handle);
    if (!s.ok()) {
      return refused(c, s);
    }
    s = firmware.activate(handle[0], sev.info().asid);
    if (!s.ok()) {
      firmware.decommission(handle[0]);
      return refused(c, s);
    }
    sev.info().handle = handle[0];
    sev.info().firmwareFd = FirmwareFile.of(c.in());
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
      if (!sev.hasFirmwareFile()) {
        return noFile();
      }
      long at = uaddr;
      for (long pfn : pins) {
        int n = (int) Math.min(4096 - (at & 0xFFF), uaddr + len - at);
        FwStatus s =
            firmware.launchUpdate(sev.info().handle, false, (pfn << PAGE_SHIFT) + (at & 0xFFF), n);
        if (!s.ok()) {
          return refused(c, s);
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
      return sev.fail(Errno.ENOTTY, "the VM is no SEV-ES guest: its vCPUs have no save areas");
    }
    vm.lockAllVcpus();
    try {
      for (VcpuContext vcpu : vm.vcpus()) {
        SevVcpu state = sev.stateOf(vcpu);
        if (!sev.platform().launchSteps().maySync(state.protectedState)) {
          return -sev.refuse(Errno.EINVAL, () -> "vCPU " + vcpu.id() + " is encrypted already")
              .number();
        }
        if (state.debugged || state.breakpoints) {
          return -sev.refuse(Errno.EINVAL, () -> "vCPU " + vcpu.id() + " is being debugged")
              .number();
        }
        if (!sev.hasFirmwareFile()) {
          return noFile();
        }
        vcpu.assertLocked();
        byte[] page = VmsaPage.reset(sev.info().vmsaFeatures);
        sev.platform().host().memory().raw().write(state.vmsa << PAGE_SHIFT, page, 0, page.length);
        FwStatus s =
            firmware.launchUpdate(sev.info().handle, true, state.vmsa << PAGE_SHIFT, page.length);
        if (!s.ok()) {
          return refused(c, s);
        }
        state.protectedState = true;
        state.fpuHidden = true;
      }
    } finally {
      vm.unlockAllVcpus();
    }
    return SnpLaunch.done(c);
  }

  /**
   * A command that fills a blob of the firmware's; {@code run} gets what user space has room for.
   */
  private long filled(VendorCommand c, int needed, Function<byte[], FwStatus> run) {
    long length = c.in().number("len", 0) & 0xffff_ffffL;
    long uaddr = c.in().number("uaddr", 0);
    if (length == 0 && !sev.hasFirmwareFile()) {
      c.out().put("len", 0);
      return noFile();
    }
    if (length == 0) {
      // A query is refused by the firmware, which names the length: EIO and the answer.
      FwStatus s = run.apply(new byte[0]);
      c.out().put("len", s == FwStatus.INVALID_LEN ? needed : 0);
      return refused(c, s);
    }
    if (uaddr != 0 && length > UserPages.MAX_BLOB) {
      return sev.fail(Errno.EINVAL, "len is more than 16 KiB");
    }
    if (!sev.hasFirmwareFile()) {
      return noFile();
    }
    // Without an address the firmware gets no room either.
    byte[] into = new byte[uaddr == 0 ? 0 : (int) length];
    FwStatus s = run.apply(into);
    if (!s.ok()) {
      return refused(c, s);
    }
    c.out().put("len", needed);
    if (!vm.copyToUser(uaddr, into, 0, into.length).ok()) {
      return sev.fail(Errno.EFAULT, "uaddr is not writable");
    }
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
          return sev.fail(Errno.EINVAL, "the pages are not contiguous in physical memory");
        }
      }
      var packet = user.blob(in, "trans");
      if (!packet.errno().ok()) {
        return -packet.errno().number();
      }
      r = user.blob(in, "hdr").errno();
      if (!r.ok()) {
        return -r.number();
      }
      if (!sev.hasFirmwareFile()) {
        return noFile();
      }
      long hpa = (pins.getFirst() << PAGE_SHIFT) + (uaddr & 0xFFF);
      FwStatus s =
          packet.bytes().length == length
              ? firmware.secret(sev.info().handle, hpa, packet.bytes())
              : FwStatus.INVALID_LEN;
      return s.ok() ? SnpLaunch.done(c) : refused(c, s);
    } finally {
      user.unpin(pins);
    }
  }

  private long step(VendorCommand c, FwCommand command) {
    if (!sev.hasFirmwareFile()) {
      return noFile();
    }
    FwStatus s = firmware.step(command, sev.info().handle);
    return s.ok() ? SnpLaunch.done(c) : refused(c, s);
  }

  private long status(VendorCommand c) {
    int handle = sev.info().handle;
    if (!sev.hasFirmwareFile()) {
      return noFile();
    }
    FwStatus status = firmware.status(handle);
    if (!status.ok()) {
      return refused(c, status);
    }
    if (CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
    }
    c.out().put("handle", handle).put("policy", firmware.policy(handle));
    c.out().put("state", firmware.state(handle).number());
    return SnpLaunch.done(c);
  }

  /** Ends a command that the firmware refused, which is EIO whatever its status. */
  private long refused(VendorCommand c, FwStatus status) {
    return refused(sev, c, status);
  }

  static long refused(SevVm sev, VendorCommand c, FwStatus status) {
    return SnpLaunch.fail(
        c, status, sev.refuse(Errno.EIO, () -> "the firmware answered " + status));
  }

  private long noFile() {
    return noFile(sev);
  }

  /**
   * sev_issue_cmd: without a file of the firmware's, which LAUNCH_START brings, nothing is issued.
   */
  static long noFile(SevVm sev) {
    return sev.fail(Errno.EBADF, "the VM holds no file of /dev/sev: LAUNCH_START brings it");
  }
}
