package dev.cocovisor.vmm;

import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The VMMs on the class path, by the id of their backend. */
public final class VmmDrivers {
  /** The id of the VMM that is built in. */
  public static final String BUILT_IN = "sw-protected";

  private final TreeMap<String, VmmDriver> byId = new TreeMap<>();

  /** Takes VMMs besides the built-in one. */
  public VmmDrivers(Iterable<VmmDriver> found) {
    byId.put(BUILT_IN, new SoftwareProtected());
    for (VmmDriver d : found) {
      byId.put(d.backend(), d);
    }
  }

  /** Finds the VMMs on the class path. */
  public static VmmDrivers onClassPath() {
    return new VmmDrivers(ServiceLoader.load(VmmDriver.class));
  }

  /** Returns the ids in order. */
  public Iterable<String> ids() {
    return byId.keySet();
  }

  /**
   * Returns a backend's VMM.
   *
   * @throws IllegalArgumentException if there is none; the text lists those there are
   */
  public VmmDriver of(String backend) {
    VmmDriver driver = byId.get(backend);
    if (driver == null) {
      throw new IllegalArgumentException(
          "there is no backend '" + backend + "' with a VMM, only " + byId.keySet());
    }
    return driver;
  }

  /** A VMM of KVM_X86_SW_PROTECTED_VM: private memory without a trusted half. */
  private static final class SoftwareProtected implements VmmDriver {
    @Override
    public String backend() {
      return BUILT_IN;
    }

    @Override
    public long vmType() {
      return VmType.X86_SW_PROTECTED.number();
    }

    @Override
    public VmmRule rule(VmmTopic topic) {
      return SoftwareProtectedRules.of(topic);
    }
  }
}
