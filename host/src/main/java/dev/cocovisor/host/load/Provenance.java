package dev.cocovisor.host.load;

import dev.cocovisor.host.pack.Digests;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where a backend came from.
 *
 * @param source class path or plugin folder
 * @param pluginId the plugin's id, null for the class path
 * @param pluginVersion the plugin's version, null for the class path
 * @param location the jar, zip or class folder; null where the class loader does not tell
 * @param className the provider's class
 */
public record Provenance(
    Source source,
    @Nullable String pluginId,
    @Nullable String pluginVersion,
    @Nullable Path location,
    String className) {
  /** Kinds of places. */
  public enum Source {
    /** The program's own class path. */
    CLASS_PATH,
    /** A package in a plugin folder. */
    PLUGIN
  }

  /**
   * Returns the SHA-256 of the jar or zip in lower-case hex, {@code -} for a folder of classes.
   * Read from the file each time: it tells what lies there now.
   */
  public String sha256() {
    return location == null ? "-" : Digests.ofFile(location);
  }

  /** Returns the file's name, or the class where there is none. */
  public String fileName() {
    Path name = location == null ? null : location.getFileName();
    return name == null ? className : name.toString();
  }

  /** Returns the name by which a user prefers this provider over another of the same id. */
  public String preferenceName() {
    return pluginId == null ? "class-path" : pluginId;
  }
}
