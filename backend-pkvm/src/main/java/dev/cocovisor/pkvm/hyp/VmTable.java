package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import org.jspecify.annotations.Nullable;

/** The table of VMs by handle. Under {@link #lock}. Source: {@code nvhe/pkvm.c}, vm_table. */
final class VmTable {
  /** The first handle; smaller numbers cannot be mistaken for one. */
  static final int HANDLE_BASE = 0x1000;

  /** Most VMs at a time: VMIDs are 8 bits and 0 is the host's. */
  static final int MAX_VMS = 255;

  private final @Nullable HypVm[] vms = new @Nullable HypVm[MAX_VMS];
  private final boolean[] reserved = new boolean[MAX_VMS];

  /** {@code vm_table_lock}. */
  final ModelLock lock = new ModelLock("vm_table_lock");

  /** Reserves a slot; returns the handle or a negative errno (ENOMEM if full). */
  int reserve() {
    for (int i = 0; i < MAX_VMS; i++) {
      if (vms[i] == null && !reserved[i]) {
        reserved[i] = true;
        return HANDLE_BASE + i;
      }
    }
    return -Errno.ENOMEM.number();
  }

  private static boolean inRange(int handle) {
    return handle >= HANDLE_BASE && handle < HANDLE_BASE + MAX_VMS;
  }

  /** Gives a slot back that no VM was published in; anything else is left alone. */
  void unreserve(int handle) {
    if (inRange(handle) && reserved[handle - HANDLE_BASE]) {
      reserved[handle - HANDLE_BASE] = false;
    }
  }

  /** Publishes a VM in its reserved slot, or EINVAL. */
  Errno insert(HypVm vm) {
    if (!inRange(vm.handle) || !reserved[vm.handle - HANDLE_BASE]) {
      return Errno.EINVAL;
    }
    reserved[vm.handle - HANDLE_BASE] = false;
    vms[vm.handle - HANDLE_BASE] = vm;
    return Errno.OK;
  }

  @Nullable HypVm get(int handle) {
    return inRange(handle) ? vms[handle - HANDLE_BASE] : null;
  }

  void remove(HypVm vm) {
    vms[vm.handle - HANDLE_BASE] = null;
  }

  /** Calls {@code each} for every published VM. */
  void forEach(java.util.function.Consumer<HypVm> each) {
    for (HypVm vm : vms) {
      if (vm != null) {
        each.accept(vm);
      }
    }
  }
}
