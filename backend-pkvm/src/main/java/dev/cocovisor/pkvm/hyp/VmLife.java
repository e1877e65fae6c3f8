package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import org.jspecify.annotations.Nullable;

/**
 * Birth, running and death of VMs at EL2.
 *
 * <p>A slot is reserved with KVM_CREATE_VM, the VM is published with the first run, and dies in two
 * steps: start_teardown stops loads for good, finalize_teardown returns every page EL2 took for it.
 * Between the two the host reclaims guest pages one by one. Everything init_vm and init_vcpu did is
 * undone if a later step fails. Source: {@code arch/arm64/kvm/hyp/nvhe/pkvm.c}.
 */
final class VmLife {
  private final MemProtect mp;
  private final HostTransitions transitions;
  private final VmTable vms;
  private final HostStructs structs;
  private final HypCpu[] cpus;
  private final Stage2Geometry geometry;
  private final HypSteps steps;

  VmLife(
      MemProtect mp,
      HostTransitions transitions,
      VmTable vms,
      HostStructs structs,
      HypCpu[] cpus,
      Stage2Geometry geometry,
      HypSteps steps) {
    this.steps = steps;
    this.geometry = geometry;
    this.mp = mp;
    this.transitions = transitions;
    this.vms = vms;
    this.structs = structs;
    this.cpus = cpus;
  }

  /** __pkvm_reserve_vm: a handle, or a negative errno. */
  int reserve() {
    vms.lock.lock();
    try {
      int handle = vms.reserve();
      if (handle < 0) {
        var _ = mp.refuse(Errno.ENOMEM, () -> VmTable.MAX_VMS + " VMs are there already");
      }
      return handle;
    } finally {
      vms.lock.unlock();
    }
  }

  /** __pkvm_unreserve_vm. */
  void unreserve(int handle) {
    vms.lock.lock();
    try {
      vms.unreserve(handle);
    } finally {
      vms.lock.unlock();
    }
  }

  /** __pkvm_init_vm. */
  Errno initVm(long hostVmPfn, long vmPfn, long pgdPfn) {
    Errno e = transitions.pin(hostVmPfn, 1);
    if (!e.ok()) {
      return e;
    }
    HostVm host = structs.vmAt(hostVmPfn);
    if (host == null || host.createdVcpus() < 1 || host.handle() < VmTable.HANDLE_BASE) {
      transitions.unpin(hostVmPfn, 1);
      return mp.refuse(Errno.EINVAL, () -> "the host's VM has no vCPU, or no handle");
    }
    if (!transitions.donateHyp(vmPfn, HypVm.VM_PAGES).ok()) {
      transitions.unpin(hostVmPfn, 1);
      return Errno.ENOMEM;
    }
    if (!transitions.donateHyp(pgdPfn, geometry.rootPages()).ok()) {
      giveBack(vmPfn, HypVm.VM_PAGES);
      transitions.unpin(hostVmPfn, 1);
      return Errno.ENOMEM;
    }
    mp.memory.zero(vmPfn, HypVm.VM_PAGES);
    mp.memory.zero(pgdPfn, geometry.rootPages());
    vms.lock.lock();
    try {
      e = vms.insert(new HypVm(host, geometry, vmPfn, pgdPfn));
      if (!e.ok()) {
        e = mp.refuse(e, () -> handle(host.handle()) + " is not reserved");
      }
    } finally {
      vms.lock.unlock();
    }
    if (!e.ok()) {
      giveBack(pgdPfn, geometry.rootPages());
      giveBack(vmPfn, HypVm.VM_PAGES);
      transitions.unpin(hostVmPfn, 1);
    }
    return e;
  }

  /** unmap_donated_memory: wipes pages and returns them to the host. */
  private void giveBack(long pfn, long n) {
    mp.memory.zero(pfn, n);
    Errno e = transitions.hypDonateHost(pfn, n);
    if (!e.ok()) {
      throw new HypPanic("EL2 cannot return its own page 0x" + Long.toHexString(pfn) + ": " + e);
    }
  }

  /** __pkvm_init_vcpu. */
  Errno initVcpu(int handle, long hostVcpuPfn, long vcpuPfn) {
    if (!transitions.donateHyp(vcpuPfn, 1).ok()) {
      return Errno.ENOMEM;
    }
    mp.memory.zero(vcpuPfn, 1);
    Errno e;
    vms.lock.lock();
    try {
      HypVm vm = vms.get(handle);
      e = vm == null ? unknown(Errno.ENOENT, handle) : initVcpuLocked(vm, hostVcpuPfn, vcpuPfn);
    } finally {
      vms.lock.unlock();
    }
    if (!e.ok()) {
      giveBack(vcpuPfn, 1);
    }
    return e;
  }

  private Errno unknown(Errno e, int handle) {
    return mp.refuse(e, () -> handle(handle) + " is no VM");
  }

  private static String handle(int handle) {
    return "handle 0x" + Integer.toHexString(handle);
  }

  private Errno initVcpuLocked(HypVm vm, long hostVcpuPfn, long vcpuPfn) {
    if (!transitions.pin(hostVcpuPfn, 1).ok()) {
      return Errno.EBUSY;
    }
    HostVcpu host = structs.vcpuAt(hostVcpuPfn);
    if (host == null
        || host.index() < 0
        || host.index() >= vm.vcpus.length
        || vm.vcpus[host.index()] != null) {
      steps.vcpuRefused(() -> transitions.unpin(hostVcpuPfn, 1));
      return mp.refuse(
          Errno.EINVAL, () -> "the vCPU's index is taken, or none of the VM's when it first ran");
    }
    // Published last, when it is complete (the order that 7.2 fixed).
    vm.vcpus[host.index()] = new HypVcpu(vm, host, vcpuPfn);
    return Errno.OK;
  }

  /** __pkvm_vcpu_load: silently nothing where the vCPU cannot be loaded here. */
  void load(int cpu, int handle, int index) {
    HypCpu c = cpus[cpu];
    if (c.loaded != null) {
      return;
    }
    vms.lock.lock();
    try {
      HypVm vm = vms.get(handle);
      if (vm == null || vm.dying || index < 0 || index >= vm.vcpus.length) {
        return;
      }
      HypVcpu v = vm.vcpus[index];
      if (v == null || v.loadedOn != HypVcpu.NOT_LOADED) {
        return;
      }
      v.loadedOn = cpu;
      c.loaded = v;
      mp.pages.get(vm.pfn);
    } finally {
      vms.lock.unlock();
    }
  }

  /** __pkvm_vcpu_put. */
  void put(int cpu) {
    HypCpu c = cpus[cpu];
    HypVcpu v = c.loaded;
    if (v == null) {
      return;
    }
    vms.lock.lock();
    try {
      v.loadedOn = HypVcpu.NOT_LOADED;
      c.loaded = null;
      mp.pages.put(v.vm.pfn);
    } finally {
      vms.lock.unlock();
    }
  }

  /** __pkvm_start_teardown_vm: EINVAL if unknown, in use or dying already. */
  Errno startTeardown(int handle) {
    vms.lock.lock();
    try {
      HypVm vm = vms.get(handle);
      if (vm == null) {
        return unknown(Errno.EINVAL, handle);
      }
      if (mp.pages.refcount(vm.pfn) != 0 || vm.dying) {
        return mp.refuse(Errno.EINVAL, () -> handle(handle) + " is in use, or dying already");
      }
      vm.dying = true;
      return Errno.OK;
    } finally {
      vms.lock.unlock();
    }
  }

  /** Finds a dying VM for page reclaim; null where the answer is EINVAL. */
  @Nullable HypVm dying(int handle) {
    vms.lock.lock();
    try {
      HypVm vm = vms.get(handle);
      if (vm != null && vm.dying) {
        return vm;
      }
      var _ = mp.refuse(Errno.EINVAL, () -> handle(handle) + " is no dying VM");
      return null;
    } finally {
      vms.lock.unlock();
    }
  }

  /** Finds an unprotected VM that is alive; null where the answer is EINVAL. */
  @Nullable HypVm unprotected(int handle) {
    vms.lock.lock();
    try {
      HypVm vm = vms.get(handle);
      if (vm != null && !vm.isProtected) {
        return vm;
      }
      var _ = mp.refuse(Errno.EINVAL, () -> handle(handle) + " is no unprotected VM");
      return null;
    } finally {
      vms.lock.unlock();
    }
  }

  /**
   * __pkvm_finalize_teardown_vm: EINVAL unless dying and unused. Tables and vCPU caches go to the
   * stage-2 teardown cache, structures to the other, all wiped.
   */
  Errno finalizeTeardown(int handle) {
    HypVm vm;
    vms.lock.lock();
    try {
      vm = vms.get(handle);
      if (vm == null) {
        return unknown(Errno.EINVAL, handle);
      }
      if (!vm.dying || mp.pages.refcount(vm.pfn) != 0) {
        return mp.refuse(Errno.EINVAL, () -> handle(handle) + " is not dying, or in use");
      }
      vms.remove(vm);
    } finally {
      vms.lock.unlock();
    }
    HostVm host = vm.host;
    vm.stage2.destroy();
    drain(vm.pool, host.stage2Teardown());
    drain(vm.tables, host.stage2Teardown());
    for (int i = 0; i < geometry.rootPages(); i++) {
      returnPage(vm.pgdPfn + i, host.stage2Teardown());
    }
    for (HypVcpu v : vm.vcpus) {
      if (v != null) {
        drain(v.memcache, host.stage2Teardown());
        transitions.unpin(v.host.pfn(), 1);
        returnPage(v.pfn, host.teardown());
      }
    }
    for (int i = 0; i < HypVm.VM_PAGES; i++) {
      returnPage(vm.pfn + i, host.teardown());
    }
    transitions.unpin(host.pfn(), 1);
    return Errno.OK;
  }

  private void drain(Memcache from, Memcache to) {
    for (long p = from.pop(); p != Memcache.EMPTY; p = from.pop()) {
      returnPage(p, to);
    }
  }

  private void returnPage(long pfn, Memcache to) {
    giveBack(pfn, 1);
    to.push(pfn);
  }

  /**
   * pkvm_refill_memcache: admits the host's pages until the cache is as full as the host's was.
   *
   * @return ENOMEM if the host's cache runs dry or offers a page the host does not own alone
   */
  Errno refill(HypVcpu vcpu) {
    Memcache from = vcpu.host.memcache();
    int wanted = from.size();
    while (vcpu.memcache.size() < wanted) {
      long address = from.popAddress();
      if (address == Memcache.EMPTY) {
        return mp.refuse(Errno.ENOMEM, () -> "the host's memcache ran dry");
      }
      long pfn = address >>> PageLevel.PAGE_SHIFT;
      if (!transitions.donateHyp(pfn, 1).ok()) {
        // admit_host_page answers "no page", so the error itself is lost.
        from.pushAddress(address);
        return Errno.ENOMEM;
      }
      mp.zeroPageAt(steps.cachePage(address));
      vcpu.memcache.push(pfn);
    }
    return Errno.OK;
  }
}
