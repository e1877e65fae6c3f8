package dev.cocovisor.api.kernel;

import org.apiguardian.api.API;

/**
 * A choice of who built or loaded a kernel, that rules depend on besides its release.
 *
 * @since 0.3
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.3")
public enum KernelOption {
  /** CONFIG_KVM_VM_MEMORY_ATTRIBUTES: KVM_SET_MEMORY_ATTRIBUTES on the VM. */
  MEMORY_ATTRIBUTES("memory_attributes", "KVM_SET_MEMORY_ATTRIBUTES is built in"),

  /** CONFIG_KVM_SMM: system management mode, and its address space. */
  SMM("smm", "system management mode is built in"),

  /** kvm.gmem_in_place_conversion: the attributes are the guest_memfd's. */
  IN_PLACE_CONVERSION(
      "gmem_in_place_conversion", "guest_memfds keep their pages' attributes (7.4, or its series)");

  private final String setting;
  private final String help;

  KernelOption(String setting, String help) {
    this.setting = setting;
    this.help = help;
  }

  /** Returns the name one sets it by. */
  public String setting() {
    return setting;
  }

  /** Returns what it means, in a line. */
  public String help() {
    return help;
  }
}
