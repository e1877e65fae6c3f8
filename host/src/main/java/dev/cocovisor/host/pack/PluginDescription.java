package dev.cocovisor.host.pack;

import java.util.List;
import java.util.Properties;
import java.util.jar.Attributes;
import org.jspecify.annotations.Nullable;

/**
 * What a package says about itself, in {@code plugin.properties} or its manifest, with PF4J's
 * names.
 *
 * @param id unique among plugins
 * @param version semantic version
 * @param requires the range of api versions, {@code *} for any
 * @param provider who made it; empty if it does not say
 * @param description one line; empty if it does not say
 * @param dependencies other plugins, as {@code id} or {@code id@range}, a {@code ?} behind the id
 *     where it can do without
 */
public record PluginDescription(
    String id,
    String version,
    String requires,
    String provider,
    String description,
    List<String> dependencies) {
  /** Keeps an immutable copy. */
  public PluginDescription {
    dependencies = List.copyOf(dependencies);
  }

  /** The looks of one source of descriptions. */
  private interface Lookup {
    @Nullable String get(String properties, String manifest);
  }

  static PluginDescription of(Properties p) {
    return of((key, _) -> p.getProperty(key));
  }

  static PluginDescription of(Attributes manifest) {
    return of((_, key) -> manifest.getValue(key));
  }

  private static PluginDescription of(Lookup lookup) {
    String dependencies = text(lookup, "plugin.dependencies", "Plugin-Dependencies");
    String requires = text(lookup, "plugin.requires", "Plugin-Requires");
    return new PluginDescription(
        text(lookup, "plugin.id", "Plugin-Id"),
        text(lookup, "plugin.version", "Plugin-Version"),
        requires.isEmpty() ? "*" : requires,
        text(lookup, "plugin.provider", "Plugin-Provider"),
        text(lookup, "plugin.description", "Plugin-Description"),
        List.of(dependencies.split(",")).stream()
            .map(String::trim)
            .filter(s -> !s.isEmpty())
            .toList());
  }

  private static String text(Lookup lookup, String properties, String manifest) {
    String v = lookup.get(properties, manifest);
    return v == null ? "" : v.trim();
  }

  /** Returns the id of a dependency, without range and question mark. */
  public static String dependencyId(String dependency) {
    int at = dependency.indexOf('@');
    String id = at < 0 ? dependency : dependency.substring(0, at);
    return id.endsWith("?") ? id.substring(0, id.length() - 1) : id;
  }

  /** Returns the range of a dependency, {@code *} for any. */
  public static String dependencyRange(String dependency) {
    int at = dependency.indexOf('@');
    return at < 0 ? "*" : dependency.substring(at + 1);
  }

  /** Tells whether the plugin can do without a dependency. */
  public static boolean optional(String dependency) {
    int at = dependency.indexOf('@');
    return (at < 0 ? dependency : dependency.substring(0, at)).endsWith("?");
  }
}
