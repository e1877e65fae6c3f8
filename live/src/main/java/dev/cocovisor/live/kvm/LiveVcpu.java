package dev.cocovisor.live.kvm;

/** A vCPU of the kernel: its descriptor, its VM's, and where its kvm_run page lies in the agent. */
final class LiveVcpu {
  private final long fd;
  private final long vm;
  private final long run;
  private boolean ready;

  LiveVcpu(long fd, long vm, long run) {
    this.fd = fd;
    this.vm = vm;
    this.run = run;
  }

  /** Returns the same vCPU by another descriptor. */
  LiveVcpu by(long other) {
    return new LiveVcpu(other, vm, run);
  }

  long fd() {
    return fd;
  }

  /** Returns the log's name of the VM. */
  long vm() {
    return vm;
  }

  /** Returns the address of the kvm_run page. */
  long run() {
    return run;
  }

  /** Tells whether its registers are those that the stub needs. */
  boolean ready() {
    return ready;
  }

  void setReady(boolean now) {
    ready = now;
  }
}
