package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
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
    if (!(other instanceof SevVm source)) {
      // A VM without SEV is as good as one that never called INIT.
      return Errno.EINVAL;
    }
    Errno locked = lock(source);
    if (!locked.ok()) {
      return locked;
    }
    try {
      SevInfo from = source.info();
      SevInfo to = self.info();
      if (to.active
          || !from.active
          || from.snp()
          || from.owner != null
          || !self.context().vcpus().isEmpty()) {
        return Errno.EINVAL;
      }
      to.active = true;
      to.needInit = false;
      to.asid = from.asid;
      to.handle = from.handle;
      to.esActive = from.esActive;
      to.owner = source;
      from.mirrors.add(self);
      return Errno.OK;
    } finally {
      unlock(source);
    }
  }

  Errno moveFrom(VmOps other) {
    if (!(other instanceof SevVm source)) {
      return Errno.EINVAL;
    }
    Errno locked = lock(source);
    if (!locked.ok()) {
      return locked;
    }
    try {
      SevInfo from = source.info();
      SevInfo to = self.info();
      if (!source.type().equals(self.type()) || to.active || !from.active || from.snp()) {
        return Errno.EINVAL;
      }
      if (from.esActive) {
        Errno r = moveVcpus(source);
        if (!r.ok()) {
          return r;
        }
      }
      to.active = true;
      to.needInit = false;
      to.asid = from.asid;
      to.handle = from.handle;
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
      from.active = false;
      from.esActive = false;
      source.context().bug("its encryption context moved to VM " + self.context().id());
      return Errno.OK;
    } finally {
      unlock(source);
    }
  }

  private Errno moveVcpus(SevVm source) {
    var from = source.context().vcpus();
    var to = self.context().vcpus();
    if (from.size() != to.size()) {
      return Errno.EINVAL;
    }
    for (VcpuContext v : from) {
      if (!source.stateOf(v).protectedState) {
        return Errno.EINVAL;
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
      return Errno.EINVAL;
    }
    if (self.info().migrating || source.info().migrating) {
      return Errno.EBUSY;
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
