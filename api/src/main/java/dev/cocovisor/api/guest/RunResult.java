package dev.cocovisor.api.guest;

import dev.cocovisor.api.Errno;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * The result of one KVM_RUN.
 *
 * @param errno what the ioctl answered
 * @param exit kvm_run's exit; meaningful for EFAULT too (KVM_EXIT_MEMORY_FAULT)
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record RunResult(Errno errno, Exit exit) {
  /** A run that answered 0. */
  public static RunResult ok(Exit exit) {
    return new RunResult(Errno.OK, exit);
  }

  /**
   * A run that ends with the exit that was set, or with none that is described.
   *
   * @param exit what {@link dev.cocovisor.api.VcpuContext#exit} says
   * @since 0.3
   */
  public static RunResult of(Errno errno, @Nullable Exit exit) {
    return new RunResult(errno, exit == null ? new Exit.Unknown() : exit);
  }
}
