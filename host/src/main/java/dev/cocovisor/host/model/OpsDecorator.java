package dev.cocovisor.host.model;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.VmOps;

/**
 * Wraps the vendor half of each VM as it is created: to count, trace, delay or break hooks. The
 * wrapper usually extends {@link dev.cocovisor.api.ops.ForwardingVmOps}.
 */
@FunctionalInterface
public interface OpsDecorator {
  /**
   * Returns what the core gets to see.
   *
   * @param backend the backend's id
   * @param vm the VM
   * @param ops the vendor half, maybe wrapped already
   */
  VmOps decorate(String backend, VmContext vm, VmOps ops);
}
