package dev.cocovisor.host.load;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.VmType;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * What every backend is asked before it is listed, wherever it came from: who it is, and the parts
 * it has to have. What it says of itself is checked where it says it ({@link BackendInfo}, {@link
 * VmType}, {@link dev.cocovisor.api.Setting} refuse what cannot be); here is what only a host
 * knows.
 */
public final class Examination {
  /** Ids with a meaning of their own: the kernel's own guests, and the owner of its settings. */
  private static final Set<String> RESERVED = Set.of("default", "sw-protected", "core");

  private Examination() {}

  /**
   * Asks a backend.
   *
   * @param subject the package or place it came from
   * @return who it is
   * @throws HostException COCO-P041 or COCO-P045 if it claims what is the host's
   * @throws NullPointerException if it answers null where the contract has no null
   */
  public static BackendInfo of(Backend backend, String subject) {
    BackendInfo info = Objects.requireNonNull(backend.info(), "info() returned null");
    Objects.requireNonNull(backend.vmm(), "vmm() returned null");
    Objects.requireNonNull(backend.measurers(), "measurers() returned null");
    Objects.requireNonNull(backend.replayers(), "replayers() returned null");
    if (RESERVED.contains(info.id())) {
      throw new HostException(
          new PluginFinding(
              FindingCode.RESERVED_ID,
              subject,
              "the backend's id '" + info.id() + "' is the host's own",
              "the names of the kernel's own guests, and of the owner of its settings, are taken",
              "give the backend another id",
              List.of()));
    }
    for (VmType type : info.vmTypes()) {
      if (kernels(type)) {
        throw new HostException(
            new PluginFinding(
                FindingCode.VM_TYPE_TAKEN,
                subject,
                "backend " + info.id() + " offers a VM type whose number the kernel has",
                type.name() + " has number " + type.number(),
                "give " + type.name() + " a number of its own",
                List.of()));
      }
    }
    return info;
  }

  private static boolean kernels(VmType type) {
    return type.architecture().equals(Architecture.X86_64)
        && (type.number() == VmType.X86_DEFAULT.number()
            || type.number() == VmType.X86_SW_PROTECTED.number());
  }
}
