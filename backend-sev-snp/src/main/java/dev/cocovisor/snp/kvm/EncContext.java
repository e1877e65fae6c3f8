package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;

/**
 * Sharing a VM's encryption context with a mirror, and moving it to another VM of the host.
 *
 * <p>Order: same VM (EINVAL), a migration under way on either (EBUSY), then what the two VMs are
 * (EINVAL). Source: {@code arch/x86/kvm/svm/sev.c}, sev_lock_two_vms, sev_vm_copy_enc_context_from,
 * sev_vm_move_enc_context_from, sev_migrate_from.
 */
final class EncContext {
  private final SevVm self;

  EncContext(SevVm self) {
    this.self = self;
  }

  Errno copyFrom(VmOps other) {
    if (!(ForwardingVmOps.unwrap(other) instanceof SevVm source)) {
      // A VM without SEV is as good as one that never called INIT.
      return self.refuse(Errno.EINVAL, "the source is no SEV guest");
    }
    Errno locked = lock(source);
    if (!locked.ok()) {
      return locked;
    }
    try {
      SevInfo from = source.info();
      SevInfo to = self.info();
      String why =
          to.active
              ? "the VM is a SEV guest already"
              : !from.active
                  ? "the source is no SEV guest"
                  : from.snp()
                      ? "the source is an SNP guest"
                      : from.owner != null
                          ? "the source is a mirror itself"
                          : !self.context().vcpus().isEmpty() ? "the VM has vCPUs already" : null;
      if (why != null) {
        return self.refuse(Errno.EINVAL, why);
      }
      to.active = true;
      to.needInit = false;
      to.asid = from.asid;
      to.handle = from.handle;
      to.esActive = from.esActive;
      to.firmwareFd = from.firmwareFd;
      to.owner = source;
      from.mirrors.add(self);
      return Errno.OK;
    } finally {
      unlock(source);
    }
  }

  Errno moveFrom(VmOps other) {
    if (!(ForwardingVmOps.unwrap(other) instanceof SevVm source)) {
      return self.refuse(Errno.EINVAL, "the source is no SEV guest");
    }
    Errno locked = lock(source);
    if (!locked.ok()) {
      return locked;
    }
    try {
      SevInfo from = source.info();
      SevInfo to = self.info();
      String why =
          !source.type().equals(self.type())
              ? "the VMs have different types"
              : to.active
                  ? "the VM is a SEV guest already"
                  : !from.active
                      ? "the source is no SEV guest"
                      : from.snp() ? "the source is an SNP guest" : null;
      if (why != null) {
        return self.refuse(Errno.EINVAL, why);
      }
      if (from.esActive) {
        Errno r = moveVcpus(source);
        if (!r.ok()) {
          return r;
        }
      }
      // needInit stays, as in 7.3, where such a VM refuses to run; nor does the file go along.
      to.active = true;
      to.asid = from.asid;
      to.handle = from.handle;
      to.pagesLocked = from.pagesLocked;
      to.esActive = from.esActive;
      to.vmsaFeatures = from.vmsaFeatures;
      to.owner = from.owner;
      to.regions.addAll(from.regions);
      to.mirrors.addAll(from.mirrors);
      to.mirrors.forEach(m -> m.info().owner = self);
      if (to.owner != null) {
        to.owner.info().mirrors.remove(source);
        to.owner.info().mirrors.add(self);
      }
      from.regions.clear();
      from.mirrors.clear();
      from.owner = null;
      from.handle = 0;
      from.asid = 0;
      from.pagesLocked = 0;
      from.active = false;
      from.esActive = false;
      source.context().bug("its encryption context moved to VM " + self.context().id());
      return Errno.OK;
    } finally {
      unlock(source);
    }
  }

  private Errno moveVcpus(SevVm source) {
    self.context().lockAllVcpus();
    source.context().lockAllVcpus();
    try {
      return moveLockedVcpus(source);
    } finally {
      source.context().unlockAllVcpus();
      self.context().unlockAllVcpus();
    }
  }

  private Errno moveLockedVcpus(SevVm source) {
    var from = source.context().vcpus();
    var to = self.context().vcpus();
    if (from.size() != to.size()) {
      return self.refuse(Errno.EINVAL, "the VMs have different numbers of vCPUs");
    }
    for (VcpuContext v : from) {
      if (!source.stateOf(v).protectedState) {
        return self.refuse(Errno.EINVAL, "a vCPU of the source was not measured yet");
      }
    }
    for (int i = 0; i < from.size(); i++) {
      SevVcpu a = source.stateOf(from.get(i));
      SevVcpu b = self.stateOf(to.get(i));
      // The source keeps the page it does not need any more, so that each frees one.
      long vmsa = b.vmsa;
      b.vmsa = b.vmsaInUse = a.vmsa;
      b.protectedState = true;
      b.ghcbGfn = a.ghcbGfn;
      a.vmsa = vmsa;
      a.vmsaInUse = SevVcpu.NONE;
      a.ghcbGfn = SevVcpu.NONE;
      a.protectedState = false;
    }
    return Errno.OK;
  }

  private Errno lock(SevVm source) {
    if (source == self) {
      return self.refuse(Errno.EINVAL, "source and destination are the same VM");
    }
    if (self.info().migrating || source.info().migrating) {
      return self.refuse(Errno.EBUSY, "one of the VMs is part of another move already");
    }
    self.info().migrating = true;
    source.info().migrating = true;
    self.context().kvmLock().lock();
    source.context().kvmLock().lock();
    return Errno.OK;
  }

  private void unlock(SevVm source) {
    source.context().kvmLock().unlock();
    self.context().kvmLock().unlock();
    source.info().migrating = false;
    self.info().migrating = false;
  }
}
