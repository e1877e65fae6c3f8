package dev.cocovisor.cli;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.core.log.Scenario;
import dev.cocovisor.core.log.VmmDrivers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeSet;

/** What run and compare share: the technologies on the class path and the reading of a scenario. */
final class Scenarios {
  private final List<Backend> backends = new ArrayList<>();
  private final VmmDrivers drivers;

  Scenarios() {
    try {
      ServiceLoader.load(Backend.class).forEach(backends::add);
      drivers = VmmDrivers.onClassPath();
    } catch (ServiceConfigurationError e) {
      throw new IllegalStateException(e);
    }
  }

  List<Backend> backends() {
    return backends;
  }

  VmmDrivers drivers() {
    return drivers;
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
    drivers.ids().forEach(ids::add);
    backends.forEach(b -> ids.add(b.info().id()));
    return List.copyOf(ids);
  }

  String known(String id) {
    if (!ids().contains(id)) {
      throw new UsageException(
          "there is no backend '" + id + "'; there are " + String.join(", ", ids()));
    }
    return id;
  }
}
