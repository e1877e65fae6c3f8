package dev.cocovisor.host.load;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.pack.PackageOrder;
import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.PluginStatus;
import dev.cocovisor.host.pack.Unpacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Brings packages onto the shelf: those that clash or do not read are refused, the others come in
 * the order of their dependencies. The shelf, and PF4J with it, is made when the first sound
 * package comes. Used under the registry's lock.
 */
public final class PluginLoading {
  private final Path home;
  private final PackageJudge judge;
  private @Nullable PluginShelf shelf;

  /**
   * Creates an empty shelf.
   *
   * @param home the folder PF4J is told of
   * @param judge asked before a package's code is loaded
   */
  public PluginLoading(Path home, PackageJudge judge) {
    this.home = home;
    this.judge = judge;
  }

  /** Returns a loaded plugin, null if there is none of that id. */
  public @Nullable LoadedPlugin get(String pluginId) {
    return shelf == null ? null : shelf.get(pluginId);
  }

  /** Returns the loaded plugins. */
  public List<LoadedPlugin> all() {
    return shelf == null ? List.of() : List.copyOf(shelf.all());
  }

  /** Lets a plugin go whose VMs are gone and on which no other depends. */
  public void unload(String pluginId) {
    shelf().unload(pluginId);
  }

  /** Lets all plugins go. */
  public void close() {
    if (shelf != null) {
      shelf.close();
    }
  }

  /** Loads packages in the order of their dependencies and tells what became of each. */
  public List<PluginStatus> loadAll(List<PluginPackage> found) {
    List<PluginStatus> result = new ArrayList<>();
    List<PluginPackage> candidates = new ArrayList<>();
    for (PluginPackage p : found) {
      PluginFinding clash = clash(p, found);
      if (p.sound() && clash == null) {
        candidates.add(p);
      } else {
        List<PluginFinding> findings = new ArrayList<>(p.findings());
        if (clash != null) {
          findings.add(clash);
        }
        result.add(failed(p, findings));
      }
    }
    if (candidates.isEmpty()) {
      return result;
    }
    Map<String, String> versions = new HashMap<>();
    shelf().all().forEach(l -> versions.put(l.description().id(), l.description().version()));
    PackageOrder order = new PackageOrder(candidates, versions);
    for (PluginPackage p : candidates) {
      PluginFinding lack =
          p.description() == null ? null : order.missing().get(p.description().id());
      if (lack != null) {
        result.add(failed(p, List.of(lack)));
      }
    }
    for (PluginPackage p : order.order()) {
      if (p.description() != null) {
        result.add(loadOne(p, p.description()));
      }
    }
    return result;
  }

  private PluginStatus loadOne(PluginPackage p, PluginDescription description) {
    List<PluginFinding> findings = new ArrayList<>(p.findings());
    for (String dependency : description.dependencies()) {
      String on = PluginDescription.dependencyId(dependency);
      if (!PluginDescription.optional(dependency) && !shelf().contains(on)) {
        findings.add(
            new PluginFinding(
                FindingCode.MISSING_DEPENDENCY,
                PluginPackage.nameOf(p.file()),
                "the plugin depends on '" + dependency + "', which cannot be had",
                "plugin " + on + " is there and did not load",
                "mend that plugin first",
                List.of()));
        return failed(p, findings);
      }
    }
    List<PluginFinding> verdict = judge.judge(p, needs(description));
    findings.addAll(verdict);
    if (verdict.stream().anyMatch(f -> f.code().error())) {
      Unpacking.forget(p.file());
      return failed(p, findings);
    }
    LoadedPlugin loaded = shelf().load(p, description, findings);
    deduplicate(findings);
    return new PluginStatus(
        p.file(),
        description,
        loaded == null ? PluginStatus.State.FAILED : PluginStatus.State.LOADED,
        loaded == null ? List.of() : loaded.backends().stream().map(LoadedBackend::id).toList(),
        findings);
  }

  /** A warning of the trial comes again when the package is loaded. */
  private static void deduplicate(List<PluginFinding> findings) {
    List<PluginFinding> distinct = findings.stream().distinct().toList();
    findings.clear();
    findings.addAll(distinct);
  }

  /** Returns the loaded packages that one depends on, each after those it depends on itself. */
  private List<PluginPackage> needs(PluginDescription description) {
    Map<String, PluginPackage> needs = new LinkedHashMap<>();
    addNeeds(description, needs);
    return List.copyOf(needs.values());
  }

  private void addNeeds(PluginDescription description, Map<String, PluginPackage> into) {
    for (String dependency : description.dependencies()) {
      LoadedPlugin on = get(PluginDescription.dependencyId(dependency));
      if (on != null && !into.containsKey(on.description().id())) {
        addNeeds(on.description(), into);
        into.put(on.description().id(), on.source());
      }
    }
  }

  /** Returns the status of a package that was refused. */
  public static PluginStatus failed(PluginPackage p, List<PluginFinding> findings) {
    return new PluginStatus(
        p.file(), p.description(), PluginStatus.State.FAILED, List.of(), findings);
  }

  private @Nullable PluginFinding clash(PluginPackage p, List<PluginPackage> found) {
    PluginDescription d = p.description();
    if (d == null) {
      return null;
    }
    LoadedPlugin loaded = shelf == null ? null : shelf.get(d.id());
    Path other = loaded == null ? null : loaded.source().file();
    for (PluginPackage q : found) {
      if (q != p && q.description() != null && q.description().id().equals(d.id())) {
        other = q.file();
      }
    }
    return other == null
        ? null
        : new PluginFinding(
            FindingCode.DUPLICATE_PLUGIN,
            PluginPackage.nameOf(p.file()),
            "two packages have the plugin id '" + d.id() + "'",
            "the other one is " + PluginPackage.nameOf(other),
            "take one of the two out of the folder",
            List.of());
  }

  private PluginShelf shelf() {
    if (shelf == null) {
      shelf = new PluginShelf(home);
    }
    return shelf;
  }
}
