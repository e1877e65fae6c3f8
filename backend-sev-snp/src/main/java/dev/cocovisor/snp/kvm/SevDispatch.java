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
 * {@code arch/x86/kvm/svm/sev.c}, sev_mem_enc_ioctl, __sev_guest_init.
 */
final class SevDispatch {
  private final SevVm sev;
  private final SnpLaunch snp;
  private final LegacyLaunch legacy;

  SevDispatch(SevVm sev) {
    this.sev = sev;
    this.snp = new SnpLaunch(sev);
    this.legacy = new LegacyLaunch(sev);
  }

  long run(VendorCommand c) {
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
      return -Errno.EINVAL.number();
    }
    if (info.snp() && (id == null ? number(c.name()) < 100 : id.id() < 100)) {
      return -Errno.EPERM.number();
    }
    if (id == null) {
      return -Errno.EINVAL.number();
    }
    return switch (id) {
      // The deprecated command keeps to the first version of the GHCB protocol.
      case INIT, ES_INIT ->
          sev.type().equals(VmType.X86_DEFAULT)
              ? init(0, id == SevCommand.ES_INIT, id == SevCommand.ES_INIT ? 1 : 0)
              : -Errno.EINVAL.number();
      case INIT2 -> init2(c.in());
      case SNP_LAUNCH_START -> snp.start(c);
      case SNP_LAUNCH_UPDATE -> snp.update(c);
      case SNP_LAUNCH_FINISH -> snp.finish(c);
      default -> legacy.run(id, c);
    };
  }

  private static long number(String name) {
    String bare = name.replace("KVM_SEV_", "");
    return bare.matches("[0-9]{1,9}") ? Long.parseLong(bare) : 0;
  }

  private long init2(Fields in) {
    SevInfo info = sev.info();
    VmType type = sev.type();
    if (!info.needInit || type.equals(VmType.X86_DEFAULT)) {
      return -Errno.EINVAL.number();
    }
    boolean es = !type.equals(VmType.X86_SEV);
    long features = in.number("vmsa_features", 0);
    long version = in.number("ghcb_version", 0);
    if (in.number("flags", 0) != 0) {
      return -Errno.EINVAL.number();
    }
    if ((features & ~(es ? SevInfo.SUPPORTED_FEATURES : 0)) != 0
        || version < 0
        || version > 2
        || (version != 0 && !es)) {
      return -Errno.EINVAL.number();
    }
    long r = init(features, es, (int) version);
    if (r == 0) {
      info.needInit = false;
    }
    return r;
  }

  private long init(long features, boolean es, int version) {
    SevInfo info = sev.info();
    if (!sev.context().vcpus().isEmpty() || info.active) {
      return -Errno.EINVAL.number();
    }
    int asid = sev.platform().asids().take(es);
    if (asid == 0) {
      return -Errno.EBUSY.number();
    }
    info.asid = asid;
    info.active = true;
    info.esActive = es;
    info.vmsaFeatures = features;
    info.ghcbVersion = es && version == 0 ? 2 : version;
    if (sev.type().equals(VmType.X86_SNP)) {
      // snp_guest_req_init
      info.responsePage = sev.platform().host().allocateFirmwarePage(sev.context());
      if (info.responsePage < 0) {
        sev.platform().asids().give(asid);
        info.active = info.esActive = false;
        info.asid = 0;
        info.vmsaFeatures = 0;
        return -Errno.EIO.number();
      }
      info.vmsaFeatures |= SevInfo.SNP_ACTIVE;
      sev.platform().bindSnp(asid, true);
    }
    return 0;
  }
}
