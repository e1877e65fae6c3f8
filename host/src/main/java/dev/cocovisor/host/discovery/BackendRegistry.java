package dev.cocovisor.host.discovery;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.LoadedPlugin;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.load.PluginLoading;
import dev.cocovisor.host.load.Provenance;
import dev.cocovisor.host.pack.DisabledList;
import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginFolders;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.PluginStatus;
import dev.cocovisor.host.trial.PackageTrial;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * All backends of one program, from its class path and from plugin folders, as one list by id.
 *
 * <p>Opening a registry never fails for what is wrong with a plugin: the plugin is left out and
 * {@link #findings} tells why. Requests that name something that is not there throw {@link
 * HostException}. Plugins come and go while VMs of other backends run; a plugin whose own VMs live
 * stays until they are gone.
 *
 * <p>Two providers of one id are an error that names both unless the user prefers one ({@link
 * Builder#prefer}): of two plugins neither is used, and none takes the place of the class path's.
 *
 * <p>PF4J is touched by {@code PluginShelf} alone, which is loaded when the first package is found:
 * a program without plugins does not pay for them. Thread-safe: changes exclude each other, readers
 * see a snapshot.
 */
public final class BackendRegistry implements AutoCloseable {
  private final ReentrantLock changes = new ReentrantLock();
  private final List<Path> folders;
  private final Map<String, String> preferred;
  private final List<LoadedBackend> fixed = new ArrayList<>();
  private final List<PluginFinding> fixedFindings = new ArrayList<>();
  private final LinkedHashMap<Path, PluginStatus> plugins = new LinkedHashMap<>();
  private final PluginLoading loading;
  private volatile Snapshot snapshot = Snapshot.EMPTY;

  private BackendRegistry(Builder builder) {
    folders = List.copyOf(builder.folders);
    preferred = Map.copyOf(builder.preferred);
    loading =
        new PluginLoading(
            folders.isEmpty() ? Path.of(".") : folders.getFirst(),
            builder.judge == null ? PackageTrial.byEnvironment() : builder.judge);
    builder.given.forEach(fixed::add);
    if (builder.classLoader != null) {
      ClassPathBackends.find(builder.classLoader, fixed, fixedFindings);
    }
    PluginFolders found = PluginFolders.read(folders);
    fixedFindings.addAll(found.findings());
    plugins.putAll(found.plugins());
    for (PluginStatus status : loading.loadAll(found.enabled())) {
      plugins.put(status.file(), status);
    }
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
    return List.copyOf(snapshot.backends().values());
  }

  /** Returns the backends' SPIs by id, as a host takes them. */
  public List<Backend> backends() {
    List<Backend> all = new ArrayList<>();
    for (LoadedBackend b : snapshot.backends().values()) {
      all.add(b.backend());
    }
    return List.copyOf(all);
  }

  /**
   * Returns the technologies a host can have: those of the backends, and the two that the kernel
   * has by itself. Made anew after each change; whoever keeps one keeps the plugins in it.
   */
  public Technologies technologies() {
    return Technologies.of(backends());
  }

  /** Returns everything found wrong, class path first, then packages in folder order. */
  public List<PluginFinding> findings() {
    return snapshot.findings();
  }

  /** Returns the packages of all folders in the order they were found. */
  public List<PluginStatus> plugins() {
    return snapshot.plugins();
  }

  /** Returns a backend, null if it is not loaded. */
  public @Nullable LoadedBackend find(String id) {
    return snapshot.backends().get(id);
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
          new PluginFinding(
              FindingCode.UNKNOWN_BACKEND,
              id,
              "there is no such backend",
              snapshot.findings().isEmpty()
                  ? "neither the class path nor a plugin offers it"
                  : "nobody offers it, or its plugin did not load: "
                      + String.join(
                          ", ", snapshot.findings().stream().map(f -> f.code().id()).toList()),
              didYouMean(id, snapshot.backends().keySet())
                  + "use one that is available, or put its plugin into "
                  + (folders.isEmpty() ? "a plugin folder" : folders.getFirst().toString()),
              List.copyOf(snapshot.backends().keySet())));
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
      PluginStatus status = loading.loadAll(List.of(read)).getFirst();
      if (status.state() != PluginStatus.State.LOADED) {
        return status;
      }
      plugins.put(file, status);
      publish();
      PluginFinding duplicate = snapshot.duplicateAmong(status.backends());
      if (duplicate == null) {
        return status;
      }
      loading.unload(status.id());
      plugins.remove(file);
      publish();
      return PluginLoading.failed(read, List.of(duplicate));
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
      LoadedPlugin plugin = loading.get(pluginId);
      if (plugin == null) {
        throw new HostException(unknownPlugin(pluginId));
      }
      List<String> dependents =
          loading.all().stream()
              .filter(p -> dependsOn(p.description(), pluginId))
              .map(p -> p.description().id())
              .toList();
      if (!dependents.isEmpty()) {
        throw new HostException(
            new PluginFinding(
                FindingCode.NEEDED_BY_OTHERS,
                pluginId,
                "the plugin cannot be unloaded",
                "loaded plugins depend on it: " + String.join(", ", dependents),
                "unload those first",
                List.of()));
      }
      List<String> alive = plugin.closeToVms();
      if (!alive.isEmpty()) {
        throw new HostException(
            new PluginFinding(
                FindingCode.LIVE_VMS,
                pluginId,
                "the plugin cannot be unloaded",
                "its VMs live: " + String.join(", ", alive),
                "close them first (the last descriptor of each VM), then unload again",
                List.of()));
      }
      loading.unload(pluginId);
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
      LoadedPlugin plugin = loading.get(pluginId);
      return plugin == null ? List.of() : plugin.liveVms();
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
        plugins.put(
            status.file(), loading.loadAll(List.of(PluginPackage.read(status.file()))).getFirst());
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
      loading.close();
      plugins.clear();
      fixed.clear();
      publish();
    } finally {
      changes.unlock();
    }
  }

  private static boolean dependsOn(PluginDescription d, String pluginId) {
    return d.dependencies().stream()
        .anyMatch(s -> PluginDescription.dependencyId(s).equals(pluginId));
  }

  private static PluginFinding firstError(PluginStatus status) {
    return status.findings().stream().filter(f -> f.code().error()).findFirst().orElseThrow();
  }

  private static String didYouMean(String written, Collection<String> known) {
    String meant = Nearest.to(written, known);
    return meant == null ? "" : "did you mean " + meant + "? Otherwise ";
  }

  private PluginFinding unknownPlugin(String pluginId) {
    List<String> known = plugins.values().stream().map(PluginStatus::id).sorted().toList();
    return new PluginFinding(
        FindingCode.UNKNOWN_PLUGIN,
        pluginId,
        "there is no such plugin",
        folders.isEmpty()
            ? "no plugin folder was given"
            : "no package in " + folders + " has this id",
        didYouMean(pluginId, known) + "use an id that `cocovisor plugins list` shows",
        known);
  }

  /** Makes the state after a change visible. */
  private void publish() {
    List<LoadedBackend> offered = new ArrayList<>(fixed);
    for (LoadedPlugin plugin : loading.all()) {
      offered.addAll(plugin.backends());
    }
    snapshot = Snapshot.of(offered, preferred, fixedFindings, plugins.values());
  }

  /** Describes a registry. */
  public static final class Builder {
    private final List<Path> folders = new ArrayList<>();
    private final Map<String, String> preferred = new HashMap<>();
    private final List<LoadedBackend> given = new ArrayList<>();
    private @Nullable ClassLoader classLoader;
    private @Nullable PackageJudge judge;

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

    /**
     * Lets somebody else say which packages may be loaded. Without it, each is tried in a process
     * of its own the first time it is met ({@link PackageTrial#byEnvironment}).
     */
    public Builder judge(PackageJudge other) {
      judge = other;
      return this;
    }

    /** Finds and loads everything. */
    public BackendRegistry open() {
      return new BackendRegistry(this);
    }
  }
}
