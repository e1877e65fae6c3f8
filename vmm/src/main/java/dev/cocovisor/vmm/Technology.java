package dev.cocovisor.vmm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.core.Kvm;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One kind of guest a user can ask for: a backend's, or one of the two the kernel has by itself.
 *
 * @param id the backend's id, {@code sw-protected} or {@code default}
 * @param description one line for people
 * @param backend who makes its VMs, or null where the kernel alone does
 * @param driver how its VMM launches and uses a guest
 */
public record Technology(
    String id, String description, @Nullable Backend backend, VmmDriver driver) {
  /** Private memory without a trusted half: KVM_X86_SW_PROTECTED_VM. */
  public static final Technology SW_PROTECTED =
      new Technology(
          "sw-protected",
          "private memory without a trusted half",
          null,
          new SoftwareProtectedVmm());

  /** An ordinary x86 VM, whose memory is all its VMM's: KVM_X86_DEFAULT_VM. */
  public static final Technology DEFAULT =
      new Technology("default", "an ordinary x86 VM", null, new PlainVmm());

  /** Returns a backend's technology. */
  public static Technology of(Backend backend) {
    return new Technology(
        backend.info().id(), backend.info().description(), backend, backend.vmm());
  }

  /** Returns this technology with another VMM. */
  public Technology withDriver(VmmDriver other) {
    return new Technology(id, description, backend, other);
  }

  /** Tells whether the kernel has it without a backend. */
  public boolean builtIn() {
    return backend == null;
  }

  /** Returns the architecture its guests need. */
  public Architecture architecture() {
    return backend == null ? Architecture.X86_64 : backend.info().architecture();
  }

  /** Returns the VM types its backend creates; of a built-in one the type its VMM asks for. */
  public List<VmType> vmTypes() {
    if (backend != null) {
      return backend.info().vmTypes();
    }
    return List.of(
        driver.vmType() == VmType.X86_DEFAULT.number()
            ? VmType.X86_DEFAULT
            : VmType.X86_SW_PROTECTED);
  }

  /** Returns what a user can set for it besides the core's own settings. */
  public List<Setting> settings() {
    return backend == null ? List.of() : backend.info().settings();
  }

  /** Tells whether a host creates guests of this kind. */
  public boolean runsOn(Kvm host) {
    if (!host.architecture().equals(architecture())) {
      return false;
    }
    if (backend == null) {
      return host.vmType(driver.vmType()) != null;
    }
    return host.backends().stream()
        .anyMatch(b ->
            b.info().id().equals(id)
                && b.info().vmTypes().stream().anyMatch(t -> t.number() == driver.vmType()));
  }
}
