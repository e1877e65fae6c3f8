package dev.cocovisor.api.guest;

import dev.cocovisor.api.Errno;
import org.apiguardian.api.API;

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
}
