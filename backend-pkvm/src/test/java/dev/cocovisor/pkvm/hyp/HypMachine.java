package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A machine with EL2 and nothing else: the test plays the host. */
final class HypMachine implements HostStructs {
  /** Pages above this one are handed out for structures, tables and caches. */
  static final long FIRST_FREE = 2048;

  final SparseMemory memory = new SparseMemory();
  final Hyp hyp;
  private final Map<Long, HostVm> vmsByPage = new HashMap<>();
  private final Map<Long, HostVcpu> vcpusByPage = new HashMap<>();
  private long nextFree = FIRST_FREE;

  HypMachine() {
    this(4);
  }

  HypMachine(int cpus) {
    this(cpus, Hyp.RECORDED);
  }

  HypMachine(int cpus, Stage2Geometry geometry) {
    this(cpus, geometry, Interposer.NONE, TraceSink.OFF);
  }

  HypMachine(int cpus, Stage2Geometry geometry, Interposer interposer, TraceSink trace) {
    hyp =
        new Hyp(
            MemoryMap.flat(4096), memory, cpus, this, geometry, interposer, trace, HypSteps.LINUX);
    hyp.finalise();
  }

  @Override
  public @Nullable HostVm vmAt(long pfn) {
    return vmsByPage.get(pfn);
  }

  @Override
  public @Nullable HostVcpu vcpuAt(long pfn) {
    return vcpusByPage.get(pfn);
  }

  long call(int cpu, Hypercall call, long... a) {
    long[] r = java.util.Arrays.copyOf(a, 4);
    return hyp.hostCall(cpu, call.number(), r[0], r[1], r[2], r[3]);
  }

  long page() {
    return nextFree++;
  }

  long pages(int n) {
    long first = nextFree;
    nextFree += n;
    return first;
  }

  /** Creates a VM with one vCPU, published and ready to be loaded. */
  Guest guest(boolean isProtected) {
    return guest(isProtected, 1);
  }

  Guest guest(boolean isProtected, int vcpus) {
    int handle = (int) call(0, Hypercall.RESERVE_VM);
    HostVm vm = new HostVm(page(), isProtected, handle, vcpus);
    vmsByPage.put(vm.pfn(), vm);
    assertThat(call(0, Hypercall.HOST_SHARE_HYP, vm.pfn())).isZero();
    assertThat(call(0, Hypercall.INIT_VM, vm.pfn(), page(), pages(hyp.geometry().rootPages())))
        .isZero();
    List<HostVcpu> list = new ArrayList<>();
    for (int i = 0; i < vcpus; i++) {
      HostVcpu v = new HostVcpu(page(), i, new Memcache());
      vcpusByPage.put(v.pfn(), v);
      assertThat(call(0, Hypercall.HOST_SHARE_HYP, v.pfn())).isZero();
      assertThat(call(0, Hypercall.INIT_VCPU, handle, v.pfn(), page())).isZero();
      list.add(v);
    }
    return new Guest(vm, list);
  }

  void register(HostVm vm) {
    vmsByPage.put(vm.pfn(), vm);
  }

  void register(HostVcpu vcpu) {
    vcpusByPage.put(vcpu.pfn(), vcpu);
  }

  List<String> violations() {
    List<String> found = new ArrayList<>();
    hyp.checkInvariants(found::add);
    return found;
  }

  /** A guest as the host sees it. */
  final class Guest {
    final HostVm vm;
    final List<HostVcpu> vcpus;

    Guest(HostVm vm, List<HostVcpu> vcpus) {
      this.vm = vm;
      this.vcpus = vcpus;
    }

    int handle() {
      return vm.handle();
    }

    /** Loads vCPU 0 on a CPU with enough pages for any mapping. */
    Guest loadOn(int cpu) {
      call(cpu, Hypercall.VCPU_LOAD, handle(), 0);
      fill();
      return this;
    }

    /** Tops the host's cache of vCPU 0 up, as KVM does before it maps. */
    void fill() {
      Memcache mc = vcpus.get(0).memcache();
      while (mc.size() < hyp.geometry().minCachePages()) {
        mc.push(page());
      }
    }

    /** Ends the VM once its pages are back, and the host takes its own pages back too. */
    void bury() {
      assertThat(call(0, Hypercall.FINALIZE_TEARDOWN_VM, handle())).isZero();
      assertThat(call(0, Hypercall.HOST_UNSHARE_HYP, vm.pfn())).isZero();
      for (HostVcpu v : vcpus) {
        assertThat(call(0, Hypercall.HOST_UNSHARE_HYP, v.pfn())).isZero();
      }
    }
  }
}
