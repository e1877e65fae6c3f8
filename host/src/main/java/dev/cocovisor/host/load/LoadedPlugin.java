package dev.cocovisor.host.load;

import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginPackage;
import java.util.List;

/** A plugin that is loaded, with the backends it brought. */
public final class LoadedPlugin {
  private final PluginPackage source;
  private final PluginDescription description;
  private final LiveVms vms;
  private final List<LoadedBackend> backends;

  LoadedPlugin(
      PluginPackage source,
      PluginDescription description,
      LiveVms vms,
      List<LoadedBackend> backends) {
    this.source = source;
    this.description = description;
    this.vms = vms;
    this.backends = List.copyOf(backends);
  }

  /** Returns the package it came from. */
  public PluginPackage source() {
    return source;
  }

  /** Returns what it says about itself. */
  public PluginDescription description() {
    return description;
  }

  /** Returns its backends in the order its service file names them. */
  public List<LoadedBackend> backends() {
    return backends;
  }

  /** Returns its VMs that are alive, as {@code backend#vm}. */
  public List<String> liveVms() {
    return vms.alive();
  }

  /**
   * Lets no more VMs be born if none is alive.
   *
   * @return the VMs that are alive, empty if it is closed now
   */
  public List<String> closeToVms() {
    return vms.close();
  }

  /** Drops the plugin's objects; its platforms end here. */
  void release() {
    backends.forEach(b -> ((PluginBackend) b.backend()).release());
  }
}
