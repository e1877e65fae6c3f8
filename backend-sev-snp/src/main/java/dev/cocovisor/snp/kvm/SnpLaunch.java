package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
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
 * SNP_LAUNCH_START and SNP_LAUNCH_FINISH; what comes between is {@link SnpPopulation}.
 *
 * <p>Called under the kvm lock. Source: {@code arch/x86/kvm/svm/sev.c}, snp_launch_start,
 * snp_context_create, snp_bind_asid, snp_launch_update_vmsa, snp_launch_finish (7.3).
 */
final class SnpLaunch {
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
    if (!info.snp()) {
      return sev.fail(Errno.ENOTTY, "the VM is no SNP guest, or not before INIT2");
    }
    if (CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
    }
    if (info.gctx >= 0) {
      return sev.fail(Errno.EINVAL, "the guest has a context already");
    }
    if (c.in().number("flags", 0) != 0) {
      return sev.fail(Errno.EINVAL, "flags have no meaning yet");
    }
    long policy = c.in().number("policy", 0);
    Errno judged = judge(policy);
    if (!judged.ok()) {
      return -judged.number();
    }
    long gctx = host.allocateFirmwarePage(vm);
    FwStatus status = FwStatus.NO_FW_CALL;
    boolean file = FirmwareFile.isOpen(vm, FirmwareFile.of(c.in()));
    if (gctx >= 0 && !file) {
      host.freeFirmwarePage(vm, gctx);
    } else if (gctx >= 0) {
      status = firmware.gctxCreate(gctx << PAGE_SHIFT);
      if (!status.ok()) {
        host.freeFirmwarePage(vm, gctx);
      }
    }
    if (!status.ok()) {
      // The reason is lost: whatever went wrong, the caller sees ENOTTY.
      return fail(c, status, sev.refuse(Errno.ENOTTY, "no guest context could be made"));
    }
    info.gctx = gctx;
    status = firmware.launch().start(gctx << PAGE_SHIFT, policy);
    if (status.ok()) {
      info.firmwareFd = FirmwareFile.of(c.in());
      status = firmware.activate(gctx << PAGE_SHIFT, info.asid);
    }
    if (!status.ok()) {
      sev.decommission();
      return refused(c, status);
    }
    return done(c);
  }

  /** What KVM asks of a policy itself; the rest is the firmware's to judge. */
  private Errno judge(long policy) {
    long unknown = policy & ~GuestPolicy.SUPPORTED;
    if (unknown != 0) {
      return sev.refuse(
          Errno.EINVAL, () -> "policy bits 0x" + Long.toHexString(unknown) + " are not supported");
    }
    if (!platform.machine().kernel().on(SevKernelRules.LAUNCH_POLICY).allows(policy)) {
      return sev.refuse(
          Errno.EINVAL, "policy bit 16 (SMT) has to be 1, and bit 20 (SINGLE_SOCKET) 0");
    }
    return (policy & GuestPolicy.RESERVED_ONE) == 0
        ? sev.refuse(Errno.EINVAL, "policy bit 17 has to be 1")
        : Errno.OK;
  }

  long finish(VendorCommand c) {
    SevInfo info = sev.info();
    Fields in = c.in();
    if (!info.snp()) {
      return sev.fail(Errno.ENOTTY, "the VM is no SNP guest, or not before INIT2");
    }
    if (info.gctx < 0) {
      return sev.fail(Errno.EINVAL, "the guest has no context: LAUNCH_START comes first");
    }
    if (CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
    }
    if (in.number("flags", 0) != 0) {
      return sev.fail(Errno.EINVAL, "flags have no meaning yet");
    }
    // The VMSAs come first; what follows may fail and does not take them back.
    long measured = measureVmsas(c);
    if (measured != 0) {
      return measured;
    }
    byte[] block = null;
    byte[] auth = null;
    if (in.number("id_block_en", 0) != 0) {
      block = new byte[96];
      auth = new byte[4096];
      Errno r = copy("id_block", in, block);
      r = r.ok() ? copy("id_auth", in, auth) : r;
      if (!r.ok()) {
        return -r.number();
      }
    }
    if (!sev.hasFirmwareFile()) {
      return LegacyLaunch.noFile(sev);
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
      return refused(c, status);
    }
    info.finished = true;
    return done(c);
  }

  /** psp_copy_user_blob. */
  private Errno copy(String what, Fields in, byte[] into) {
    long uaddr = in.number(what + "_uaddr", 0);
    if (uaddr == 0) {
      return sev.refuse(Errno.EINVAL, () -> what + "_uaddr is 0");
    }
    Errno r = vm.copyFromUser(uaddr, into, 0, into.length);
    return r.ok() ? r : sev.refuse(r, () -> what + " is not readable");
  }

  private static byte[] hostData(Fields in) {
    String hex = in.text("host_data", "");
    if (hex.length() % 2 != 0 || hex.length() > 64) {
      throw new IllegalArgumentException("host_data is 32 bytes in hex");
    }
    return Arrays.copyOf(HexFormat.of().parseHex(hex), 32);
  }

  /** snp_launch_update_vmsa: no vCPU runs or is changed meanwhile. */
  private long measureVmsas(VendorCommand c) {
    vm.lockAllVcpus();
    try {
      for (VcpuContext vcpu : vm.vcpus()) {
        long r = measureVmsa(c, vcpu);
        if (r != 0) {
          return r;
        }
      }
      return 0;
    } finally {
      vm.unlockAllVcpus();
    }
  }

  /** Measures a vCPU's VMSA and gives it to the guest; 0 or a negative errno. */
  private long measureVmsa(VendorCommand c, VcpuContext vcpu) {
    SevInfo info = sev.info();
    SevVcpu state = sev.stateOf(vcpu);
    if (!sev.platform().launchSteps().maySync(state.protectedState)) {
      // An earlier FINISH got this far: what is encrypted cannot be synchronised again.
      return -sev.refuse(Errno.EINVAL, () -> "vCPU " + vcpu.id() + " is encrypted already")
          .number();
    }
    if (state.debugged || state.breakpoints) {
      return -sev.refuse(Errno.EINVAL, () -> "vCPU " + vcpu.id() + " is being debugged").number();
    }
    vcpu.assertLocked();
    byte[] page = VmsaPage.reset(info.vmsaFeatures);
    host.memory().raw().write(state.vmsa << PAGE_SHIFT, page, 0, page.length);
    Errno made = host.makePrivate(vm, state.vmsa, LaunchDigest.VMSA_GPA, false, info.asid, true);
    if (!made.ok()) {
      return -sev.refuse(made, "the save area could not be given to the guest").number();
    }
    if (!FirmwareFile.isOpen(vm, FirmwareFile.of(c.in()))) {
      var _ = host.reclaim(vm, state.vmsa);
      return LegacyLaunch.noFile(sev);
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
      return refused(c, status);
    }
    state.protectedState = true;
    return 0;
  }

  /** Ends a command that the firmware refused, which is EIO whatever its status. */
  long refused(VendorCommand c, FwStatus status) {
    return fail(c, status, sev.refuse(Errno.EIO, () -> "the firmware answered " + status));
  }

  /** Ends a command that failed; {@code error} is copied back. */
  static long fail(VendorCommand c, FwStatus status, Errno errno) {
    c.out().put("error", status.code() & 0xffff_ffffL);
    return -errno.number();
  }

  static long done(VendorCommand c) {
    c.out().put("error", 0);
    return 0;
  }
}
