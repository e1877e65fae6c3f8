package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;

/**
 * KVM_MEMORY_ENCRYPT_OP: which command, whether now, and what is copied back.
 *
 * <p>Order: mirror VM and command not for mirrors (EINVAL); SNP guest and not an SNP command
 * (EPERM); unknown (EINVAL). A caller sees {@code error} only where a handler put it. Source:
 * {@code arch/x86/kvm/svm/sev.c}, sev_mem_enc_ioctl, sev_guest_init, sev_guest_init2,
 * __sev_guest_init, snp_enable_certs (7.3).
 */
final class SevDispatch {
  private static final int FIRST_SNP_COMMAND = SevCommand.SNP_LAUNCH_START.id();
  private static final long GHCB_VERSION_MAX = 2;

  private final SevVm sev;
  private final SnpLaunch snp;
  private final SnpPopulation population;
  private final LegacyLaunch legacy;

  SevDispatch(SevVm sev) {
    this.sev = sev;
    this.snp = new SnpLaunch(sev);
    this.population = new SnpPopulation(sev);
    this.legacy = new LegacyLaunch(sev);
  }

  long run(VendorCommand c) {
    if (c.name().equals(VendorCommand.NONE)) {
      // Whoever asks so only wants to know whether there is SEV.
      return 0;
    }
    var lock = sev.context().kvmLock();
    lock.lock();
    try {
      return locked(c);
    } finally {
      lock.unlock();
    }
  }

  private long locked(VendorCommand c) {
    SevCommand id = SevCommand.of(c.name());
    SevInfo info = sev.info();
    if (info.owner != null && (id == null || !id.allowedFromMirror())) {
      return sev.fail(Errno.EINVAL, "a mirror may not issue it, only its owner");
    }
    if (info.snp() && (id == null ? number(c.name()) : id.id()) < FIRST_SNP_COMMAND) {
      return sev.fail(Errno.EPERM, "an SNP guest takes SNP commands only");
    }
    if (id == null) {
      return sev.fail(Errno.EINVAL, "there is no such command");
    }
    return switch (id) {
      // The deprecated command keeps to the first version of the GHCB protocol.
      case INIT, ES_INIT ->
          sev.type().equals(VmType.X86_DEFAULT)
              ? init(0, id == SevCommand.ES_INIT, false, id == SevCommand.ES_INIT ? 1 : 0)
              : sev.fail(Errno.EINVAL, "the type of the VM says already what it is: INIT2");
      case INIT2 -> init2(c);
      case SNP_LAUNCH_START -> snp.start(c);
      case SNP_LAUNCH_UPDATE -> population.update(c);
      case SNP_LAUNCH_FINISH -> snp.finish(c);
      case SNP_ENABLE_REQ_CERTS -> enableCertificates();
      default -> legacy.run(id, c);
    };
  }

  private static long number(String name) {
    String bare = name.replace("KVM_SEV_", "");
    return bare.matches("[0-9]{1,9}") ? Long.parseLong(bare) : 0;
  }

  private long init2(VendorCommand c) {
    Fields in = c.in();
    SevInfo info = sev.info();
    VmType type = sev.type();
    if (!info.needInit || type.equals(VmType.X86_DEFAULT)) {
      return sev.fail(Errno.EINVAL, "the VM is no SEV VM that waits for INIT2");
    }
    if (CommandData.isUnreadable(sev, c)) {
      return CommandData.fault(sev);
    }
    if (in.number("flags", 0) != 0) {
      return sev.fail(Errno.EINVAL, "flags have no meaning yet");
    }
    return init(
        in.number("vmsa_features", 0),
        !type.equals(VmType.X86_SEV),
        type.equals(VmType.X86_SNP),
        in.number("ghcb_version", 0));
  }

  /** __sev_guest_init; all its checks answer EINVAL. */
  private long init(long features, boolean es, boolean snpGuest, long asked) {
    SevInfo info = sev.info();
    if (!sev.context().vcpus().isEmpty()) {
      return sev.fail(Errno.EINVAL, "the VM has vCPUs already");
    }
    long tsc = snpGuest && sev.platform().settings().secureTsc() ? SevInfo.SECURE_TSC : 0;
    if ((features & ~(es ? SevInfo.SUPPORTED_FEATURES | tsc : 0)) != 0) {
      return sev.fail(Errno.EINVAL, "VMSA features that are not offered to this type of VM");
    }
    if (asked < 0 || asked > GHCB_VERSION_MAX || (asked != 0 && !es)) {
      return sev.fail(Errno.EINVAL, "there is no such GHCB version for this type of VM");
    }
    long version = es && asked == 0 ? GHCB_VERSION_MAX : asked;
    if (snpGuest && version < GHCB_VERSION_MAX) {
      return sev.fail(Errno.EINVAL, "an SNP guest needs version 2 of the GHCB protocol");
    }
    if (info.active) {
      return sev.fail(Errno.EINVAL, "the VM is initialised already");
    }
    int asid = sev.platform().asids().take(es);
    if (asid == 0) {
      return sev.fail(Errno.EBUSY, "no ASID is free, and none is left to be recycled");
    }
    info.asid = asid;
    info.active = true;
    info.esActive = es;
    info.vmsaFeatures = features;
    info.ghcbVersion = (int) version;
    if (snpGuest) {
      info.responsePage = sev.platform().host().allocateFirmwarePage(sev.context());
      if (info.responsePage < 0) {
        sev.platform().asids().give(asid);
        info.active = info.esActive = false;
        info.asid = 0;
        info.vmsaFeatures = 0;
        return sev.fail(Errno.EIO, "no page could be handed to the firmware for its answers");
      }
      info.vmsaFeatures |= SevInfo.SNP_ACTIVE;
      sev.platform().bindSnp(asid, true);
    }
    info.needInit = false;
    return 0;
  }

  /** snp_enable_certs. */
  private long enableCertificates() {
    if (!sev.context().vcpus().isEmpty() || !sev.isSnp()) {
      return sev.fail(Errno.EINVAL, "no SNP guest, or one with vCPUs");
    }
    sev.info().certsEnabled = true;
    return 0;
  }
}
