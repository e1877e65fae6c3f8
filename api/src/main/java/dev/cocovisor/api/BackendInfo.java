package dev.cocovisor.api;

import java.util.List;
import java.util.Map;

/**
 * Who a backend is and what it offers.
 *
 * @param id short lower-case name, unique among loaded backends: {@code tdx}, {@code sev-snp}
 * @param version the backend's own version
 * @param description one line for people
 * @param architecture the host architecture it needs
 * @param vmTypes the VM types it creates; at least one
 * @param capabilities what {@code KVM_CHECK_EXTENSION} answers beyond the core's own, by capability
 *     number
 * @param settings the settings its platform and VMs understand, with a line of help that ends in
 *     the default, for {@link HostMachine#setting}
 */
public record BackendInfo(
    String id,
    String version,
    String description,
    Architecture architecture,
    List<VmType> vmTypes,
    Map<Integer, Integer> capabilities,
    Map<String, String> settings) {
  /** Keeps immutable copies and checks the id's form. */
  public BackendInfo {
    if (!id.matches("[a-z][a-z0-9-]*")) {
      throw new IllegalArgumentException(
          "backend id '" + id + "': lower-case letters, digits, '-'");
    }
    vmTypes = List.copyOf(vmTypes);
    capabilities = Map.copyOf(capabilities);
    settings = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(settings));
    if (vmTypes.isEmpty()) {
      throw new IllegalArgumentException("backend " + id + " offers no VM type");
    }
  }
}
