package dev.cocovisor.host.discovery;

import dev.cocovisor.api.VmType;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.Provenance;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which backend creates VMs of which number. KVM_CREATE_VM knows numbers only: two backends of one
 * architecture with one number could never be on one host. The class path comes before plugins, and
 * plugins in the order of their ids; who comes later is left out.
 */
final class VmTypeNumbers {
  private VmTypeNumbers() {}

  /** Takes backends out whose numbers others have, and tells so. */
  static List<PluginFinding> leaveOutClashes(Map<String, LoadedBackend> backends) {
    List<PluginFinding> findings = new ArrayList<>();
    Map<String, LoadedBackend> owners = new HashMap<>();
    List<LoadedBackend> all = List.copyOf(backends.values());
    for (boolean plugins : new boolean[] {false, true}) {
      for (LoadedBackend b : all) {
        if (plugins != (b.provenance().source() == Provenance.Source.PLUGIN)) {
          continue;
        }
        PluginFinding clash = clash(b, owners);
        if (clash == null) {
          for (VmType type : b.info().vmTypes()) {
            owners.put(number(type), b);
          }
        } else {
          findings.add(clash);
          backends.remove(b.id());
        }
      }
    }
    return findings;
  }

  private static @Nullable PluginFinding clash(LoadedBackend b, Map<String, LoadedBackend> owners) {
    for (VmType type : b.info().vmTypes()) {
      LoadedBackend owner = owners.get(number(type));
      if (owner != null) {
        return new PluginFinding(
            FindingCode.VM_TYPE_TAKEN,
            b.id(),
            "the backend offers a VM type whose number another one has, so it is left out",
            type.name()
                + " has number "
                + type.number()
                + ", and so has a type of "
                + owner.id()
                + " ("
                + owner.provenance().fileName()
                + ")",
            "give " + type.name() + " a number of its own, or take the other one away",
            List.of());
      }
    }
    return null;
  }

  private static String number(VmType type) {
    return type.architecture().name() + " " + type.number();
  }
}
