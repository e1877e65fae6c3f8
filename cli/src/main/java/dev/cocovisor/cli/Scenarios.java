package dev.cocovisor.cli;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.vmm.VmmDrivers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What run and compare share: the technologies on the class path and in plugin folders, and the
 * reading of a scenario. Close it when the scenario is over.
 */
final class Scenarios implements AutoCloseable {
  private final BackendRegistry registry;

  /** Finds the technologies; what is wrong with a plugin is told, and the others are used. */
  Scenarios(PluginOptions plugins, Console console) {
    registry = plugins.open();
    var _ = FindingReport.print(console, registry.findings());
  }

  List<Backend> backends() {
    return registry.backends();
  }

  /** Returns the VMMs that come with the technologies, and the built-in one. */
  VmmDrivers drivers() {
    List<VmmDriver> found = new ArrayList<>();
    for (ClassLoader loader :
        registry.all().stream().map(LoadedBackend::loader).distinct().toList()) {
      ServiceLoader.load(VmmDriver.class, loader).forEach(found::add);
    }
    return new VmmDrivers(found);
  }

  static Scenario read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + ": no such file");
    }
    return Scenario.read(LogSource.file(file));
  }

  /** Returns the ids a scenario can be run on. */
  List<String> ids() {
    var ids = new TreeSet<String>();
    drivers().ids().forEach(ids::add);
    registry.all().forEach(b -> ids.add(b.id()));
    return List.copyOf(ids);
  }

  /** Checks that an id is one of {@link #ids}; a plugin that was shipped with it is loaded. */
  String known(String id) {
    if (!ids().contains(id)) {
      Path shipped = shipped(id);
      if (shipped == null) {
        throw new UsageException(
            "there is no backend '" + id + "'; there are " + String.join(", ", ids()));
      }
      registry.load(shipped);
    }
    return id;
  }

  private static @Nullable Path shipped(String id) {
    try {
      return ShippedPlugins.find(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    registry.close();
  }
}
