package dev.cocovisor.cli.find;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.pack.PluginStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Packages that came with the program, or were built beside it, and are not installed. */
public final class ShippedPlugins {
  private ShippedPlugins() {}

  /** Returns the package of a plugin id, null if none was shipped. */
  public static @Nullable Path find(String id) throws IOException {
    for (String folder : List.of("plugins/" + id + "/target", "target/launcher/shipped")) {
      Path in = PluginOptions.root().resolve(folder);
      if (Files.isDirectory(in)) {
        try (Stream<Path> files = Files.list(in)) {
          Path found = files.filter(f -> isPackageOf(f, id)).sorted().findFirst().orElse(null);
          if (found != null) {
            return found;
          }
        }
      }
    }
    return null;
  }

  private static boolean isPackageOf(Path file, String id) {
    String name = file.toString();
    if (!name.endsWith(".zip") && !name.endsWith(".jar")) {
      return false;
    }
    PluginStatus status = BackendRegistry.check(file);
    return status.description() != null && status.id().equals(id);
  }
}
