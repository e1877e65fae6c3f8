package dev.cocovisor.host.model;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.vmm.VmmDrivers;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The VMMs for the guests a host can have: those given, its backends' own, and two built in. */
final class GuestDrivers {
  private static final String PLAIN = "default";

  private final Map<String, VmmDriver> byId = new TreeMap<>();

  GuestDrivers(List<VmmDriver> given, Map<String, ClassLoader> loaders) {
    VmmDrivers onClassPath = VmmDrivers.onClassPath();
    onClassPath.ids().forEach(id -> byId.put(id, onClassPath.of(id)));
    byId.put(PLAIN, new Plain());
    Set<ClassLoader> asked = new HashSet<>();
    for (ClassLoader loader : loaders.values()) {
      if (asked.add(loader)) {
        for (VmmDriver d : java.util.ServiceLoader.load(VmmDriver.class, loader)) {
          if (loaders.get(d.backend()) == loader) {
            byId.put(d.backend(), d);
          }
        }
      }
    }
    given.forEach(d -> byId.put(d.backend(), d));
  }

  /** Returns the VMM for guests of a technology that the host has. */
  VmmDriver require(String id, Kvm host) {
    VmmDriver driver = byId.get(id);
    if (driver != null && usable(driver, host)) {
      return driver;
    }
    TreeSet<String> usable = new TreeSet<>();
    byId.values().stream().filter(d -> usable(d, host)).forEach(d -> usable.add(d.backend()));
    throw ModelCheck.failure(
        FindingCode.NO_SUCH_VM_TYPE,
        id,
        "the host has no guests of this kind",
        why(id, driver, host),
        "add the backend to the model, or launch one that is available",
        List.copyOf(usable));
  }

  private static String why(String id, @Nullable VmmDriver driver, Kvm host) {
    if (driver != null) {
      return "its KVM_CREATE_VM answers EINVAL: the model has no backend '" + id + "'";
    }
    return host.backends().stream().anyMatch(b -> b.info().id().equals(id))
        ? "the backend has no VmmDriver in META-INF/services/" + VmmDriver.class.getName()
        : "no backend and no VMM has this id";
  }

  private static boolean usable(VmmDriver d, Kvm host) {
    boolean builtIn = d.backend().equals(PLAIN) || d.backend().equals(VmmDrivers.BUILT_IN);
    return builtIn
        ? host.architecture() == Architecture.X86_64 && host.vmType(d.vmType()) != null
        : host.backends().stream()
            .anyMatch(b ->
                b.info().id().equals(d.backend())
                    && b.info().vmTypes().stream().anyMatch(t -> t.number() == d.vmType()));
  }

  /** A VMM of ordinary x86 VMs: all memory is its own. */
  private static final class Plain implements VmmDriver {
    @Override
    public String backend() {
      return PLAIN;
    }

    @Override
    public long vmType() {
      return VmType.X86_DEFAULT.number();
    }

    @Override
    public boolean guestMemfd() {
      return false;
    }

    /** All memory is the host's as well: there is nothing to convert. */
    @Override
    public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
      return 0;
    }
  }
}
