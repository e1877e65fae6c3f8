package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.snp.kvm.SevInfo.EncRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * KVM_MEMORY_ENCRYPT_REG_REGION and UNREG_REGION: user memory that must not move while a guest uses
 * it.
 *
 * <p>Registering asks whether the VM is SEV before it asks whether it is a mirror, unregistering
 * the other way round. Source: {@code arch/x86/kvm/svm/sev.c}, sev_mem_enc_register_region,
 * sev_mem_enc_unregister_region.
 */
final class EncRegions {
  private final SevVm sev;
  private final VmContext vm;
  private final UserPages user;

  EncRegions(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.user = new UserPages(sev);
  }

  Errno register(long addr, long size) {
    SevInfo info = sev.info();
    vm.kvmLock().lock();
    try {
      if (!info.active) {
        return sev.refuse(Errno.ENOTTY, "the VM is no SEV guest, or not before INIT2");
      }
      if (info.owner != null) {
        return sev.refuse(Errno.EINVAL, "the VM is a mirror: its owner registers");
      }
      List<Long> pins = new ArrayList<>();
      Errno r = user.pin(addr, size, false, pins);
      if (!r.ok()) {
        return r;
      }
      info.regions.add(new EncRegion(addr, size, pins));
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  Errno unregister(long addr, long size) {
    SevInfo info = sev.info();
    if (info.owner != null) {
      return sev.refuse(Errno.EINVAL, "the VM is a mirror: its owner registers");
    }
    vm.kvmLock().lock();
    try {
      if (!info.active) {
        return sev.refuse(Errno.ENOTTY, "the VM is no SEV guest, or not before INIT2");
      }
      for (EncRegion r : info.regions) {
        if (r.addr() == addr && r.size() == size) {
          drop(r);
          info.regions.remove(r);
          return Errno.OK;
        }
      }
      return sev.refuse(Errno.EINVAL, "no region has this address and size");
    } finally {
      vm.kvmLock().unlock();
    }
  }

  void dropAll() {
    sev.info().regions.forEach(this::drop);
    sev.info().regions.clear();
  }

  private void drop(EncRegion r) {
    user.unpin(r.pins());
  }
}
