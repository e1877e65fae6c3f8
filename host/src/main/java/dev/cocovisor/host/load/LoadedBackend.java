package dev.cocovisor.host.load;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;

/**
 * A backend that can be used, and where it came from.
 *
 * @param backend the SPI; for a plugin's backend a wrapper that knows its live VMs
 * @param info who it is
 * @param provenance where it came from
 */
public record LoadedBackend(Backend backend, BackendInfo info, Provenance provenance) {
  /** Returns the class loader that the backend's own classes and resources come from. */
  public ClassLoader loader() {
    return backend instanceof PluginBackend plugin
        ? plugin.loader()
        : backend.getClass().getClassLoader();
  }

  /** Returns the backend's id. */
  public String id() {
    return info.id();
  }
}
