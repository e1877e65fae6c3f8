package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import java.util.function.Supplier;

/**
 * The steps of KVM_CREATE_VCPU; a part that a host can be given another of. Source: {@code
 * virt/kvm/kvm_main.c}, kvm_vm_ioctl_create_vcpu (7.3).
 */
public class VcpuSteps {
  /** Creates the kernel's steps. */
  public VcpuSteps() {}

  /**
   * Lets the vendor make its half of a vCPU, which nobody sees yet: with the kvm lock held, so that
   * none is under way while all are locked.
   *
   * @param kvmLock held exclusive
   */
  public Errno make(ModelLock kvmLock, Supplier<Errno> vendor) {
    return vendor.get();
  }

  /** Lets everybody see a vCPU that was made. */
  public void publish(ModelLock kvmLock, Runnable publish) {
    publish.run();
  }
}
