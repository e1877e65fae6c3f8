package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The types that KVM_CREATE_VM knows on a host: the core's own, and its backends'. */
final class VmTypes {
  private final HostConfig config;
  private final KernelProfile kernel;
  private final List<Backend> backends;

  VmTypes(HostConfig config, KernelProfile kernel, List<Backend> backends) {
    this.config = config;
    this.kernel = kernel;
    this.backends = backends;
  }

  /** Finds the type of a number; null if there is none. */
  @Nullable VmType of(long number) {
    VmType builtIn = in(builtIn(), number);
    if (builtIn != null) {
      return builtIn;
    }
    Backend b = backendOf(number);
    return b == null ? null : in(b.info().vmTypes(), number);
  }

  /** Returns the types the core creates by itself: software protection needs the TDP MMU. */
  List<VmType> builtIn() {
    if (!config.architecture().equals(Architecture.X86_64)) {
      return List.of(
          config.architecture().equals(Architecture.ARM64)
              ? VmType.ARM_NORMAL
              : new VmType("0", 0, config.architecture()));
    }
    return config.tdpMmu() && keepsAttributes()
        ? List.of(VmType.X86_DEFAULT, VmType.X86_SW_PROTECTED)
        : List.of(VmType.X86_DEFAULT);
  }

  /** Tells whether somebody keeps attributes, without which no memory is private. */
  private boolean keepsAttributes() {
    return kernel.on(KernelRules.VM_ATTRIBUTES)
        || kernel.on(KernelRules.ATTRIBUTES) == PageAttributes.OF_THE_FILE;
  }

  /** Finds the backend whose VMs are of a type; null for the core's own. */
  @Nullable Backend backendOf(long number) {
    for (Backend b : backends) {
      if (b.info().architecture().equals(config.architecture())
          && in(b.info().vmTypes(), number) != null) {
        return b;
      }
    }
    return null;
  }

  /**
   * Finds the backend that is asked about encryption in VMs of the kernel's own types too; null if
   * none is.
   */
  @Nullable Backend adopter(VmType type) {
    if (!type.equals(VmType.X86_DEFAULT) && !type.equals(VmType.X86_SW_PROTECTED)) {
      return null;
    }
    for (Backend b : backends) {
      if (b.info().architecture().equals(config.architecture()) && b.adoptsDefaultVms()) {
        return b;
      }
    }
    return null;
  }

  private static @Nullable VmType in(List<VmType> types, long number) {
    for (VmType t : types) {
      if (t.number() == number) {
        return t;
      }
    }
    return null;
  }
}
