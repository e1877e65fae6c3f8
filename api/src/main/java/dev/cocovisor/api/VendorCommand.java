package dev.cocovisor.api;

import org.apiguardian.api.API;

/**
 * A vendor's ioctl: its name, what the caller passed, and room for what the kernel writes back.
 *
 * @param name the uAPI name: {@code KVM_TDX_INIT_VM}, {@code KVM_SEV_SNP_LAUNCH_UPDATE}, {@code
 *     KVM_ARM_VCPU_INIT}
 * @param in fields passed in, with the kernel's names
 * @param out fields written back, filled in by the backend whatever the result (for example {@code
 *     hw_error}, advanced addresses)
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VendorCommand(String name, Fields in, Fields out) {
  /** The name of no command: KVM_MEMORY_ENCRYPT_OP with a null pointer. */
  public static final String NONE = "NULL";

  /** Creates a command with nothing written back yet. */
  public VendorCommand(String name, Fields in) {
    this(name, in, new Fields());
  }
}
