package dev.cocovisor.host;

import dev.cocovisor.api.Backend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All backends of one program, from its class path and from plugin folders, as one list by id.
 *
 * <p>Opening a registry never fails for what is wrong with a plugin: the plugin is left out and
 * {@link #findings} tells why. Requests that name something that is not there throw {@link
 * HostException}. Plugins come and go while VMs of other backends run; a plugin whose own VMs live
 * stays until they are gone.
 *
 * <p>Two providers of one id are an error that names both, and neither is used, unless the user
 * prefers one ({@link Builder#prefer}).
 *
 * <p>PF4J is touched by {@link PluginShelf} alone, which is loaded when the first package is found:
 * a program without plugins does not pay for them. Thread-safe: changes exclude each other, readers
 * see a snapshot.
 */
public final class BackendRegistry implements AutoCloseable {
  private final ReentrantLock changes = new ReentrantLock();
  private final List<Path> folders;
  private final Map<String, String> preferred;
  private final List<LoadedBackend> fixed = new ArrayList<>();
  private final List<Finding> fixedFindings = new ArrayList<>();
  private final LinkedHashMap<Path, PluginStatus> plugins = new LinkedHashMap<>();
  private @Nullable PluginShelf shelf;
  private volatile Snapshot snapshot = new Snapshot(new TreeMap<>(), List.of(), List.of());

  /** What readers see. */
  private record Snapshot(
      TreeMap<String, LoadedBackend> backends,
      List<Finding> findings,
      List<PluginStatus> plugins) {}

  private BackendRegistry(Builder builder) {
    folders = List.copyOf(builder.folders);
    preferred = Map.copyOf(builder.preferred);
    builder.given.forEach(fixed::add);
    if (builder.classLoader != null) {
      ClassPathBackends.find(builder.classLoader, fixed, fixedFindings);
    }
    scan();
    publish();
  }

  /** Starts the description of a registry that has nothing. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a registry of the backends on the class path alone. */
  public static BackendRegistry classPathOnly() {
    return builder().classPath().open();
  }

  /** Returns the backends by id. */
  public List<LoadedBackend> all() {
    return List.copyOf(snapshot.backends.values());
  }

  /** Returns the backends' SPIs by id, as a host takes them. */
  public List<Backend> backends() {
    return snapshot.backends.values().stream().map(LoadedBackend::backend).toList();
  }

  /** Returns everything found wrong, class path first, then packages in folder order. */
  public List<Finding> findings() {
    return snapshot.findings;
  }

  /** Returns the packages of all folders in the order they were found. */
  public List<PluginStatus> plugins() {
    return snapshot.plugins;
  }

  /** Returns a backend, null if it is not loaded. */
  public @Nullable LoadedBackend find(String id) {
    return snapshot.backends.get(id);
  }

  /**
   * Returns a backend.
   *
   * @throws HostException COCO-P001 if it is not loaded; the text lists those that are
   */
  public LoadedBackend require(String id) {
    LoadedBackend found = find(id);
    if (found == null) {
      throw new HostException(
          new Finding(
              FindingCode.UNKNOWN_BACKEND,
              id,
              "there is no such backend",
              snapshot.findings.isEmpty()
                  ? "neither the class path nor a plugin offers it"
                  : "nobody offers it, or its plugin did not load: "
                      + String.join(
                          ", ", snapshot.findings.stream().map(f -> f.code().id()).toList()),
              "use one that is available, or put its plugin into "
                  + (folders.isEmpty() ? "a plugin folder" : folders.getFirst().toString()),
              List.copyOf(snapshot.backends.keySet())));
    }
    return found;
  }

  /** Reads a package without running any of its code. */
  public static PluginStatus check(Path file) {
    PluginPackage read = PluginPackage.read(file);
    return new PluginStatus(
        file,
        read.description(),
        read.sound() ? PluginStatus.State.SOUND : PluginStatus.State.FAILED,
        List.of(),
        read.findings());
  }

  /**
   * Loads one more package while everything else goes on.
   *
   * @return what became of it; its state is {@link PluginStatus.State#LOADED}
   * @throws HostException with the first error found; nothing of it stays loaded then
   */
  public PluginStatus load(Path file) {
    PluginStatus status = tryLoad(file);
    if (status.state() != PluginStatus.State.LOADED) {
      throw new HostException(firstError(status));
    }
    return status;
  }

  /** Loads one more package as {@link #load} does, and tells what is wrong instead of throwing. */
  public PluginStatus tryLoad(Path file) {
    changes.lock();
    try {
      PluginPackage read = PluginPackage.read(file);
      PluginStatus status = loadAll(List.of(read)).getFirst();
      if (status.state() != PluginStatus.State.LOADED) {
        return status;
      }
      plugins.put(file, status);
      publish();
      Finding duplicate = duplicateOf(status);
      if (duplicate == null) {
        return status;
      }
      shelf().unload(status.id());
      plugins.remove(file);
      publish();
      return failed(read, List.of(duplicate));
    } finally {
      changes.unlock();
    }
  }

  /**
   * Unloads a plugin. Its class loader can be collected when the caller has let go of its backends.
   *
   * @throws HostException COCO-P002 if it is not loaded, COCO-P021 if its VMs live, COCO-P022 if
   *     other plugins depend on it
   */
  public void unload(String pluginId) {
    changes.lock();
    try {
      PluginShelf.Loaded plugin = shelf == null ? null : shelf.get(pluginId);
      if (plugin == null) {
        throw new HostException(unknownPlugin(pluginId));
      }
      List<String> dependents =
          shelf().all().stream()
              .filter(p -> dependsOn(p.description(), pluginId))
              .map(p -> p.description().id())
              .toList();
      if (!dependents.isEmpty()) {
        throw new HostException(
            new Finding(
                FindingCode.NEEDED_BY_OTHERS,
                pluginId,
                "the plugin cannot be unloaded",
                "loaded plugins depend on it: " + String.join(", ", dependents),
                "unload those first",
                List.of()));
      }
      List<String> alive = plugin.vms().close();
      if (!alive.isEmpty()) {
        throw new HostException(
            new Finding(
                FindingCode.LIVE_VMS,
                pluginId,
                "the plugin cannot be unloaded",
                "its VMs live: " + String.join(", ", alive),
                "close them first (the last descriptor of each VM), then unload again",
                List.of()));
      }
      shelf().unload(pluginId);
      plugins.values().removeIf(s -> s.id().equals(pluginId));
      publish();
    } finally {
      changes.unlock();
    }
  }

  /** Returns the VMs of a plugin that are alive, as {@code backend#vm}. */
  public List<String> liveVms(String pluginId) {
    changes.lock();
    try {
      PluginShelf.Loaded plugin = shelf == null ? null : shelf.get(pluginId);
      return plugin == null ? List.of() : plugin.vms().alive();
    } finally {
      changes.unlock();
    }
  }

  /**
   * Switches a plugin off or on, for this registry and, through {@code disabled.txt} of its folder,
   * for later ones.
   *
   * @return whether anything changed
   * @throws HostException COCO-P002 if no folder has it; as {@link #unload} and {@link #load}
   */
  public boolean setEnabled(String pluginId, boolean enabled) throws IOException {
    changes.lock();
    try {
      PluginStatus status =
          plugins.values().stream().filter(s -> s.id().equals(pluginId)).findFirst().orElse(null);
      Path folder = status == null ? null : status.file().toAbsolutePath().getParent();
      if (status == null || folder == null) {
        throw new HostException(unknownPlugin(pluginId));
      }
      if (!enabled && status.state() == PluginStatus.State.LOADED) {
        unload(pluginId);
        plugins.put(status.file(), off(status));
      }
      boolean changed = new DisabledList(folder).set(pluginId, !enabled);
      if (enabled && status.state() == PluginStatus.State.DISABLED) {
        plugins.put(status.file(), loadAll(List.of(PluginPackage.read(status.file()))).getFirst());
      } else if (!enabled) {
        plugins.put(status.file(), off(status));
      }
      publish();
      return changed;
    } finally {
      changes.unlock();
    }
  }

  private static PluginStatus off(PluginStatus status) {
    return new PluginStatus(
        status.file(),
        status.description(),
        PluginStatus.State.DISABLED,
        List.of(),
        status.findings());
  }

  /** Unloads all plugins. The caller's hosts are closed by then. */
  @Override
  public void close() {
    changes.lock();
    try {
      if (shelf != null) {
        shelf.close();
      }
      plugins.clear();
      fixed.clear();
      publish();
    } finally {
      changes.unlock();
    }
  }

  private void scan() {
    List<PluginPackage> found = new ArrayList<>();
    for (Path folder : folders) {
      if (!Files.isDirectory(folder)) {
        continue;
      }
      DisabledList disabled = new DisabledList(folder);
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file :
            files.filter(PluginPackage::isPackage).filter(Files::isRegularFile).sorted().toList()) {
          PluginPackage read = PluginPackage.read(file);
          PluginDescription d = read.description();
          if (d != null && disabled.contains(d.id())) {
            plugins.put(
                file,
                new PluginStatus(file, d, PluginStatus.State.DISABLED, List.of(), read.findings()));
          } else {
            plugins.put(file, failed(read, read.findings())); // keeps the folder's order
            found.add(read);
          }
        }
      } catch (IOException e) {
        fixedFindings.add(
            new Finding(
                FindingCode.UNREADABLE_FOLDER,
                folder.toString(),
                "the plugin folder cannot be read",
                String.valueOf(e.getMessage()),
                "check its permissions, or leave it out",
                List.of()));
      }
    }
    for (PluginStatus status : loadAll(found)) {
      plugins.put(status.file(), status);
    }
  }

  /** Loads packages in the order of their dependencies and tells what became of each. */
  private List<PluginStatus> loadAll(List<PluginPackage> found) {
    List<PluginStatus> result = new ArrayList<>();
    List<PluginPackage> candidates = new ArrayList<>();
    for (PluginPackage p : found) {
      Finding clash = clash(p, found);
      if (p.sound() && clash == null) {
        candidates.add(p);
      } else {
        List<Finding> findings = new ArrayList<>(p.findings());
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
      Finding lack = p.description() == null ? null : order.missing().get(p.description().id());
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
    List<Finding> findings = new ArrayList<>(p.findings());
    for (String dependency : description.dependencies()) {
      String on = PluginDescription.dependencyId(dependency);
      if (!PluginDescription.optional(dependency) && !shelf().contains(on)) {
        findings.add(
            new Finding(
                FindingCode.MISSING_DEPENDENCY,
                PluginPackage.nameOf(p.file()),
                "the plugin depends on '" + dependency + "', which cannot be had",
                "plugin " + on + " is there and did not load",
                "mend that plugin first",
                List.of()));
        return failed(p, findings);
      }
    }
    PluginShelf.Loaded loaded = shelf().load(p, description, findings);
    return new PluginStatus(
        p.file(),
        description,
        loaded == null ? PluginStatus.State.FAILED : PluginStatus.State.LOADED,
        loaded == null ? List.of() : loaded.backends().stream().map(LoadedBackend::id).toList(),
        findings);
  }

  private static PluginStatus failed(PluginPackage p, List<Finding> findings) {
    return new PluginStatus(
        p.file(), p.description(), PluginStatus.State.FAILED, List.of(), findings);
  }

  private @Nullable Finding clash(PluginPackage p, List<PluginPackage> found) {
    PluginDescription d = p.description();
    if (d == null) {
      return null;
    }
    PluginShelf.Loaded loaded = shelf == null ? null : shelf.get(d.id());
    Path other = loaded == null ? null : loaded.source().file();
    for (PluginPackage q : found) {
      if (q != p && q.description() != null && q.description().id().equals(d.id())) {
        other = q.file();
      }
    }
    return other == null
        ? null
        : new Finding(
            FindingCode.DUPLICATE_PLUGIN,
            PluginPackage.nameOf(p.file()),
            "two packages have the plugin id '" + d.id() + "'",
            "the other one is " + PluginPackage.nameOf(other),
            "take one of the two out of the folder",
            List.of());
  }

  private static boolean dependsOn(PluginDescription d, String pluginId) {
    return d.dependencies().stream()
        .anyMatch(s -> PluginDescription.dependencyId(s).equals(pluginId));
  }

  private PluginShelf shelf() {
    if (shelf == null) {
      shelf = new PluginShelf(folders.isEmpty() ? Path.of(".") : folders.getFirst());
    }
    return shelf;
  }

  private @Nullable Finding duplicateOf(PluginStatus status) {
    return snapshot.findings.stream()
        .filter(f -> f.code() == FindingCode.DUPLICATE_BACKEND)
        .filter(f -> status.backends().contains(f.subject()))
        .findFirst()
        .orElse(null);
  }

  private static Finding firstError(PluginStatus status) {
    return status.findings().stream().filter(f -> f.code().error()).findFirst().orElseThrow();
  }

  private Finding unknownPlugin(String pluginId) {
    return new Finding(
        FindingCode.UNKNOWN_PLUGIN,
        pluginId,
        "there is no such plugin",
        folders.isEmpty()
            ? "no plugin folder was given"
            : "no package in " + folders + " has this id",
        "use an id that `cocovisor plugins list` shows",
        plugins.values().stream().map(PluginStatus::id).sorted().toList());
  }

  /** Chooses one provider for each id and makes the result visible. */
  private void publish() {
    TreeMap<String, List<LoadedBackend>> offers = new TreeMap<>();
    Stream<LoadedBackend> fromPlugins =
        shelf == null ? Stream.of() : shelf.all().stream().flatMap(p -> p.backends().stream());
    Stream.concat(fixed.stream(), fromPlugins)
        .forEach(b -> offers.computeIfAbsent(b.id(), _ -> new ArrayList<>()).add(b));
    TreeMap<String, LoadedBackend> chosen = new TreeMap<>();
    List<Finding> findings = new ArrayList<>(fixedFindings);
    plugins.values().forEach(p -> findings.addAll(p.findings()));
    offers.forEach((id, candidates) -> {
      LoadedBackend one = choose(id, candidates);
      if (one == null) {
        findings.add(Duplicates.finding(id, candidates));
      } else {
        chosen.put(id, one);
      }
    });
    snapshot = new Snapshot(chosen, List.copyOf(findings), List.copyOf(plugins.values()));
  }

  private @Nullable LoadedBackend choose(String id, List<LoadedBackend> candidates) {
    if (candidates.size() == 1) {
      return candidates.getFirst();
    }
    List<LoadedBackend> wanted =
        candidates.stream()
            .filter(c -> c.provenance().preferenceName().equals(preferred.get(id)))
            .toList();
    return wanted.size() == 1 ? wanted.getFirst() : null;
  }

  /** Describes a registry. */
  public static final class Builder {
    private final List<Path> folders = new ArrayList<>();
    private final Map<String, String> preferred = new HashMap<>();
    private final List<LoadedBackend> given = new ArrayList<>();
    private @Nullable ClassLoader classLoader;

    private Builder() {}

    /** Takes the backends of the program's own class path. */
    public Builder classPath() {
      return classPath(BackendRegistry.class.getClassLoader());
    }

    /** Takes the backends that a class loader shows. */
    public Builder classPath(ClassLoader loader) {
      classLoader = loader;
      return this;
    }

    /** Takes a backend at hand, as tests do; it counts as the class path's. */
    public Builder backend(Backend backend) {
      given.add(
          new LoadedBackend(
              backend,
              backend.info(),
              new Provenance(
                  Provenance.Source.CLASS_PATH, null, null, null, backend.getClass().getName())));
      return this;
    }

    /** Takes the packages of a folder; one that does not exist has none. */
    public Builder pluginFolder(Path folder) {
      folders.add(folder);
      return this;
    }

    /**
     * Settles which provider of a backend id is used where there are several.
     *
     * @param backendId the id that several offer
     * @param from a plugin's id, or {@code class-path}
     */
    public Builder prefer(String backendId, String from) {
      preferred.put(backendId, from);
      return this;
    }

    /** Finds and loads everything. */
    public BackendRegistry open() {
      return new BackendRegistry(this);
    }
  }
}
