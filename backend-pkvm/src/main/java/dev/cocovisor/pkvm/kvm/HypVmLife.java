package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.pkvm.hyp.HostVcpu;
import dev.cocovisor.pkvm.hyp.HostVm;
import dev.cocovisor.pkvm.hyp.Hypercall;
import dev.cocovisor.pkvm.hyp.Memcache;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The pages and calls with which KVM brings a VM to life at EL2 and buries it.
 *
 * <p>KVM_CREATE_VM reserves a handle and shares {@code struct kvm}; KVM_CREATE_VCPU shares {@code
 * struct kvm_vcpu}; the first run donates pages for EL2's own structures. Creation is under {@code
 * config_lock}, the rest under {@code kvm->lock} or while nobody else sees the VM. Source: {@code
 * arch/arm64/kvm/pkvm.c}, pkvm_init_host_vm, pkvm_create_hyp_vm, pkvm_create_hyp_vcpu,
 * pkvm_destroy_hyp_vm.
 */
final class HypVmLife {
  private final PkvmPlatform platform;
  private final VmContext vm;
  private final boolean isProtected;
  private final HostMemory memory;
  private final List<HostVcpu> vcpus = new ArrayList<>();

  /**
   * Under a vCPU's mutex, where kvm->lock may not be taken. Linux has slots_lock around it too;
   * here a run reads slots already, whose writers wait for it with that lock held.
   */
  private final ModelLock configLock = new ModelLock("kvm->arch.config_lock");

  private int handle;
  private long structPage = HostMemory.NO_FRAME;
  private @Nullable HostVm hostVm;
  private boolean created;
  private boolean dying;

  HypVmLife(PkvmPlatform platform, VmContext vm, boolean isProtected) {
    this.platform = platform;
    this.vm = vm;
    this.isProtected = isProtected;
    this.memory = platform.host().memory();
  }

  int handle() {
    return handle;
  }

  boolean isCreated() {
    return created;
  }

  boolean isDying() {
    return dying;
  }

  /** KVM_CREATE_VM. */
  Errno init() {
    long page = memory.allocate(0);
    Errno e = share(page, "struct kvm");
    if (!e.ok()) {
      return e;
    }
    long r = platform.call(0, Hypercall.RESERVE_VM, 0, 0, 0, 0);
    if (r < 0) {
      unsharePage(page);
      return Errno.of((int) -r);
    }
    structPage = page;
    handle = (int) r;
    return Errno.OK;
  }

  /** kvm_share_hyp: lets EL2 read one of KVM's own structures. */
  private Errno share(long page, String what) {
    if (page == HostMemory.NO_FRAME) {
      return refuse(Errno.ENOMEM, () -> "no frame for " + what);
    }
    Errno e = platform.errno(0, Hypercall.HOST_SHARE_HYP, page, 0, 0, 0);
    if (!e.ok()) {
      memory.free(page, 0);
    }
    return e;
  }

  private Errno refuse(Errno e, Supplier<String> why) {
    return platform.host().trace().refuse(e, why);
  }

  private void unsharePage(long page) {
    Errno e = platform.errno(0, Hypercall.HOST_UNSHARE_HYP, page, 0, 0, 0);
    if (platform.steps().forgets(e)) {
      memory.free(page, 0);
    } else {
      vm.leak(page, 1, "shared with EL2: " + e);
    }
  }

  /** KVM_CREATE_VCPU. */
  Errno createVcpu(VcpuContext vcpu) {
    long page = memory.allocate(0);
    Errno e = share(page, "struct kvm_vcpu");
    if (e.ok()) {
      HostVcpu v = new HostVcpu(page, vcpus.size(), new Memcache());
      vcpus.add(v);
      platform.publish(v);
      vcpu.setVendorState(new PkvmVcpu(v, vcpu.id()));
    }
    return e;
  }

  /** The first run of the VM, of a vCPU, or neither. */
  Errno ensureCreated(PkvmVcpu v) {
    if (v.created) {
      return Errno.OK;
    }
    configLock.lock();
    try {
      Errno e = created ? Errno.OK : createVm();
      return e.ok() ? createHypVcpu(v) : e;
    } finally {
      configLock.unlock();
    }
  }

  private Errno createVm() {
    HostVm h = new HostVm(structPage, isProtected, handle, vcpus.size());
    long own = memory.allocate(0);
    int order = pgdOrder();
    long pgd = memory.allocate(order);
    Errno e;
    if (own == HostMemory.NO_FRAME || pgd == HostMemory.NO_FRAME) {
      e = refuse(Errno.ENOMEM, () -> "no frames for EL2's VM and the root of its stage 2");
    } else {
      platform.publish(h);
      e = platform.errno(0, Hypercall.INIT_VM, structPage, own, pgd, 0);
    }
    if (!e.ok()) {
      platform.forget(structPage);
      free(own, 0);
      free(pgd, order);
      return e;
    }
    hostVm = h;
    created = true;
    platform.accountTables(1L << order);
    return Errno.OK;
  }

  /** Roots of one, two, four, eight or sixteen pages. */
  private int pgdOrder() {
    return Integer.numberOfTrailingZeros(platform.hyp().geometry().rootPages());
  }

  private void free(long page, int order) {
    if (page != HostMemory.NO_FRAME) {
      memory.free(page, order);
    }
  }

  private Errno createHypVcpu(PkvmVcpu v) {
    long own = memory.allocate(0);
    if (own == HostMemory.NO_FRAME) {
      return refuse(Errno.ENOMEM, () -> "no frame for EL2's vCPU");
    }
    Errno e = platform.errno(0, Hypercall.INIT_VCPU, handle, v.host.pfn(), own, 0);
    if (e.ok()) {
      v.created = true;
    } else {
      memory.free(own, 0);
    }
    return e;
  }

  /** Loads a vCPU for good; it is put when the VM goes. */
  Errno ensureLoaded(PkvmVcpu v) {
    if (v.cpu != PkvmVcpu.NOT_LOADED) {
      return Errno.OK;
    }
    int cpu = platform.takeCpu();
    if (cpu < 0) {
      return refuse(Errno.EBUSY, () -> "every CPU of the model has a vCPU loaded");
    }
    platform.call(cpu, Hypercall.VCPU_LOAD, handle, v.host.index(), 0, 0);
    if (!platform.hyp().isLoaded(cpu)) {
      // The silent refusal shows as EINVAL from vcpu_run.
      platform.giveCpu(cpu);
      return refuse(Errno.EINVAL, () -> "EL2 did not load vCPU " + v.host.index());
    }
    v.cpu = cpu;
    return Errno.OK;
  }

  void put(PkvmVcpu v) {
    if (v.cpu != PkvmVcpu.NOT_LOADED) {
      platform.call(v.cpu, Hypercall.VCPU_PUT, 0, 0, 0, 0);
      platform.giveCpu(v.cpu);
      v.cpu = PkvmVcpu.NOT_LOADED;
    }
  }

  /** Tops the vCPU's cache up to what a mapping may need (topup_hyp_memcache). */
  Errno fillCache(PkvmVcpu v) {
    int pages = platform.steps().fillUpTo(platform.hyp().geometry().minCachePages());
    Memcache mc = v.host.memcache();
    while (mc.size() < pages) {
      long page = memory.allocate(0);
      if (page == HostMemory.NO_FRAME) {
        return refuse(Errno.ENOMEM, () -> "no frame for the vCPU's memcache");
      }
      mc.pushAddress(platform.steps().cacheAddress(page));
      platform.accountTables(1);
    }
    return Errno.OK;
  }

  /** The last reference went: no vCPU runs any more, pages may be reclaimed. */
  void startTeardown() {
    for (VcpuContext v : vm.vcpus()) {
      if (v.vendorState() instanceof PkvmVcpu p) {
        put(p);
      }
    }
    if (created && !dying) {
      // KVM warns where EL2 refuses and goes on; then EL2 gives nothing back.
      platform.call(0, Hypercall.START_TEARDOWN_VM, handle, 0, 0, 0);
      dying = true;
    }
  }

  /** All pages are back: EL2 returns what it took for the VM itself. */
  void bury() {
    HostVm h = hostVm;
    if (h != null) {
      Errno e = platform.errno(0, Hypercall.FINALIZE_TEARDOWN_VM, handle, 0, 0, 0);
      if (!e.ok()) {
        // The caches are empty then.
        String why = "__pkvm_finalize_teardown_vm: " + e + " (__pkvm_destroy_hyp_vm warns)";
        platform.hyp().forEachOwnPage(handle, page -> vm.leak(page, 1, why));
      }
      drainTables(h.stage2Teardown());
      drain(h.teardown());
    } else {
      platform.call(0, Hypercall.UNRESERVE_VM, handle, 0, 0, 0);
    }
    for (HostVcpu v : vcpus) {
      drainTables(v.memcache());
      platform.forget(v.pfn());
      unsharePage(v.pfn());
    }
    platform.forget(structPage);
    unsharePage(structPage);
  }

  private void drainTables(Memcache pages) {
    platform.accountTables(-pages.size());
    drain(pages);
  }

  private void drain(Memcache pages) {
    for (long p = pages.pop(); p != Memcache.EMPTY; p = pages.pop()) {
      memory.free(p, 0);
    }
  }
}
