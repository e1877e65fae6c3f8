package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The vCPUs of a VM, in the order they were created; grows under the kvm lock. */
final class VcpuSet implements Place {
  private final Vm vm;
  private volatile Vcpu[] all = {};

  VcpuSet(Vm vm) {
    this.vm = vm;
  }

  /** Returns the vCPUs; not to be changed. */
  Vcpu[] all() {
    return all;
  }

  @Nullable Vcpu byId(int id) {
    for (Vcpu v : all) {
      if (v.id() == id) {
        return v;
      }
    }
    return null;
  }

  /** Source: {@code virt/kvm/kvm_main.c}, kvm_vm_ioctl_create_vcpu: id, number, then duplicate. */
  Errno create(int id) {
    if (id < 0 || id >= vm.rules().maxVcpuIds()) {
      return vm.refuse(
          Errno.EINVAL,
          () -> "vCPU id %d: ids go to %d".formatted(id, vm.rules().maxVcpuIds() - 1));
    }
    ModelLock lock = vm.kvmLock();
    lock.lock();
    try {
      Vcpu[] now = all;
      if (now.length >= vm.maxVcpus()) {
        return vm.refuse(Errno.EINVAL, "the VM has as many vCPUs as it can have");
      }
      if (vm.host().architecture().equals(Architecture.X86_64) && !vm.devices().admits(id)) {
        return vm.refuse(Errno.EINVAL, "KVM_CAP_MAX_VCPU_ID set a lower limit of ids");
      }
      if (byId(id) != null) {
        return vm.refuse(Errno.EEXIST, () -> "there is a vCPU %d already".formatted(id));
      }
      Vcpu made = new Vcpu(vm, id, now.length % Math.max(1, vm.host().cpus()));
      Errno r = vm.vcpuSteps().make(lock, () -> vm.ops().vcpuCreate(made));
      if (r.ok()) {
        r = made.allocateRing(vm.dirtyLog().ringBytes());
        if (!r.ok()) {
          vm.ops().vcpuFree(made);
          return vm.refuse(r, "no memory for the ring of dirty pages");
        }
        vm.vcpuSteps().publish(lock, () -> add(made));
      }
      return r;
    } finally {
      lock.unlock();
    }
  }

  private void add(Vcpu made) {
    SchedulePoint.write(PointKind.REFERENCE, this, 0);
    Vcpu[] before = all;
    Vcpu[] more = Arrays.copyOf(before, before.length + 1);
    more[before.length] = made;
    all = more;
  }

  void requestTlbFlush() {
    for (Vcpu v : all) {
      v.requestTlbFlush();
    }
    awaitOutside();
  }

  /** Makes every vCPU leave the guest, and look up again what it goes on with. */
  void kick() {
    for (Vcpu v : all) {
      v.requests().requestExit();
    }
    awaitOutside();
  }

  private void awaitOutside() {
    for (Vcpu v : all) {
      if (!v.isMine()) {
        v.requests().awaitOutside();
      }
    }
  }

  /**
   * Takes the mutex of every vCPU; kvm lock is held, so that none is made meanwhile. Source: {@code
   * virt/kvm/kvm_main.c} (7.3), kvm_lock_all_vcpus.
   */
  void lockAll() {
    vm.kvmLock().assertExclusive();
    SchedulePoint.read(PointKind.REFERENCE, this, 0);
    for (Vcpu v : all) {
      v.mutex().lock();
    }
    SchedulePoint.read(PointKind.REFERENCE, this, 0);
  }

  @Override
  public String placeName(long index) {
    return "kvm->vcpu_array";
  }

  /** As {@link #lockAll}, unless one runs: kvm_trylock_all_vcpus. */
  boolean tryLockAll() {
    vm.kvmLock().assertExclusive();
    Vcpu[] now = all;
    for (int i = 0; i < now.length; i++) {
      if (!now[i].mutex().tryLock()) {
        for (int j = 0; j < i; j++) {
          now[j].mutex().unlock();
        }
        return false;
      }
    }
    return true;
  }

  void unlockAll() {
    vm.kvmLock().assertExclusive();
    for (Vcpu v : all) {
      v.mutex().unlock();
    }
  }
}
