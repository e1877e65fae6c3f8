package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Puts packages into an order in which each comes after those it depends on, and finds what each
 * lacks. PF4J would refuse the whole folder for one missing dependency.
 */
public final class PackageOrder {
  private final TreeMap<String, PluginPackage> byId = new TreeMap<>();
  private final Map<String, String> loadedVersions;
  private final List<PluginPackage> order = new ArrayList<>();
  private final TreeMap<String, PluginFinding> missing = new TreeMap<>();
  private final Set<String> visited = new HashSet<>();
  private final Set<String> path = new HashSet<>();

  /**
   * Orders packages.
   *
   * @param packages sound packages with distinct ids
   * @param loadedVersions the versions of plugins that are loaded already, by id
   */
  public PackageOrder(List<PluginPackage> packages, Map<String, String> loadedVersions) {
    this.loadedVersions = loadedVersions;
    for (PluginPackage p : packages) {
      if (p.description() != null) {
        byId.put(p.description().id(), p);
      }
    }
    byId.keySet().forEach(this::visit);
  }

  /** Returns the packages that can be loaded, dependencies first, else by id. */
  public List<PluginPackage> order() {
    return order;
  }

  /** Returns what keeps a plugin from being loaded, by its id. */
  public Map<String, PluginFinding> missing() {
    return missing;
  }

  private boolean visit(String id) {
    if (!visited.add(id)) {
      return !missing.containsKey(id) && !path.contains(id);
    }
    PluginPackage p = byId.get(id);
    PluginDescription description = p == null ? null : p.description();
    if (p == null || description == null) {
      return false;
    }
    path.add(id);
    for (String dependency : description.dependencies()) {
      String why = lack(dependency);
      if (why != null) {
        missing.put(id, finding(p, dependency, why));
      }
    }
    path.remove(id);
    if (!missing.containsKey(id)) {
      order.add(p);
    }
    return !missing.containsKey(id);
  }

  private @Nullable String lack(String dependency) {
    String on = PluginDescription.dependencyId(dependency);
    PluginPackage candidate = byId.get(on);
    PluginDescription described = candidate == null ? null : candidate.description();
    String version = described == null ? loadedVersions.get(on) : described.version();
    if (version == null) {
      return PluginDescription.optional(dependency) ? null : "there is no plugin " + on;
    }
    String range = PluginDescription.dependencyRange(dependency);
    if (!Boolean.TRUE.equals(Versions.fits(version, range))) {
      return "plugin " + on + " has version " + version;
    }
    if (loadedVersions.containsKey(on)) {
      return null;
    }
    if (path.contains(on)) {
      return "plugin " + on + " depends on it in turn";
    }
    return visit(on) || PluginDescription.optional(dependency)
        ? null
        : "plugin " + on + " lacks a dependency itself";
  }

  private PluginFinding finding(PluginPackage p, String dependency, String why) {
    return new PluginFinding(
        FindingCode.MISSING_DEPENDENCY,
        PluginPackage.nameOf(p.file()),
        "the plugin depends on '" + dependency + "', which cannot be had",
        why,
        "put that plugin into the same folder, or take the dependency out of plugin.dependencies",
        byId.keySet().stream().filter(id -> byId.get(id) != p).toList());
  }
}
