package dev.cocovisor.host.load;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.Unpacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pf4j.PluginState;
import org.pf4j.PluginWrapper;

/**
 * The plugins that are loaded, and the way from a sound package to its backends. The only class
 * besides {@link VendorPluginManager} that touches PF4J; nobody loads it where there is no package.
 *
 * <p>Not thread-safe; the registry serialises.
 */
final class PluginShelf {
  private final VendorPluginManager manager;
  private final TreeMap<String, LoadedPlugin> loaded = new TreeMap<>();

  PluginShelf(Path root) {
    manager = new VendorPluginManager(root);
  }

  boolean contains(String pluginId) {
    return loaded.containsKey(pluginId);
  }

  @Nullable LoadedPlugin get(String pluginId) {
    return loaded.get(pluginId);
  }

  /** Returns the loaded plugins by id. */
  List<LoadedPlugin> all() {
    return List.copyOf(loaded.values());
  }

  /**
   * Loads a package whose dependencies are loaded.
   *
   * @return what it brought, or null where {@code findings} got an error; then nothing of it stays
   */
  @Nullable LoadedPlugin load(
      PluginPackage source, PluginDescription description, List<PluginFinding> findings) {
    List<LoadedBackend> backends = new ArrayList<>();
    LiveVms vms = new LiveVms();
    int before = findings.size();
    StdoutGuard stdout = new StdoutGuard();
    try (stdout) {
      if (start(source, description, findings)) {
        instantiate(source, description, vms, backends, findings);
      }
    }
    String printed = stdout.anything() ? stdout.printed() : "";
    boolean failed =
        findings.subList(before, findings.size()).stream().anyMatch(f -> f.code().error());
    if (!failed && !printed.isEmpty()) {
      findings.add(printing(source, printed));
    }
    if (!failed && stdout.replaced()) {
      findings.add(replacing(source));
    }
    if (failed) {
      backends.forEach(b -> ((PluginBackend) b.backend()).release());
      drop(description.id());
      return null;
    }
    LoadedPlugin result = new LoadedPlugin(source, description, vms, backends);
    loaded.put(description.id(), result);
    return result;
  }

  /** Lets a plugin go whose VMs are gone and on which no other depends. */
  void unload(String pluginId) {
    LoadedPlugin plugin = loaded.remove(pluginId);
    if (plugin != null) {
      plugin.release();
    }
    drop(pluginId);
  }

  void close() {
    loaded.values().forEach(LoadedPlugin::release);
    loaded.clear();
    manager.stopAll();
  }

  private void drop(String pluginId) {
    if (manager.getPlugin(pluginId) != null) {
      manager.stopPlugin(pluginId);
      manager.unloadPlugin(pluginId);
    }
  }

  /** PF4J goes on without a plugin whose class it could not make, and meets a null. */
  private String said(PluginDescription description, Throwable failure) {
    PluginWrapper wrapper = manager.getPlugin(description.id());
    boolean none =
        failure instanceof NullPointerException && wrapper != null && wrapper.getPlugin() == null;
    return none
        ? "its plugin.class cannot be made an org.pf4j.Plugin"
        : PluginFailures.said(failure);
  }

  // startPlugin does not throw for what the plugin's own class throws: the wrapper keeps it.
  private boolean start(
      PluginPackage source, PluginDescription description, List<PluginFinding> findings) {
    try {
      Path path = source.isZip() ? Unpacking.unpack(source.file()) : source.file();
      manager.loadPlugin(path);
      PluginState state = manager.startPlugin(description.id());
      PluginWrapper wrapper = manager.getPlugin(description.id());
      if (state == PluginState.STARTED) {
        return true;
      }
      Throwable failure = wrapper == null ? null : wrapper.getFailedException();
      findings.add(
          notStarted(source, failure == null ? "it is " + state : said(description, failure)));
    } catch (Throwable e) { // whatever the plugin's own class throws
      findings.add(notStarted(source, said(description, e)));
    }
    return false;
  }

  // getExtensions() of PF4J swallows failures, so the providers are asked for one by one.
  private void instantiate(
      PluginPackage source,
      PluginDescription description,
      LiveVms vms,
      List<LoadedBackend> into,
      List<PluginFinding> findings) {
    ClassLoader loader = manager.getPluginClassLoader(description.id());
    String className = "";
    try {
      for (ServiceLoader.Provider<Backend> provider :
          ServiceLoader.load(Backend.class, loader).stream().toList()) {
        if (provider.type().getClassLoader() != loader) {
          continue; // a dependency's: it is listed as that plugin's own
        }
        className = provider.type().getName();
        Backend backend = provider.get();
        BackendInfo info = Examination.of(backend, PluginPackage.nameOf(source.file()));
        into.add(
            new LoadedBackend(
                new PluginBackend(backend, info, description.id(), vms),
                info,
                new Provenance(
                    Provenance.Source.PLUGIN,
                    description.id(),
                    description.version(),
                    source.file(),
                    className)));
      }
      if (into.isEmpty()) {
        findings.add(noProvider(source));
      }
    } catch (HostException known) {
      findings.add(known.finding());
    } catch (Throwable e) { // whatever the backend throws, Errors included
      Throwable cause =
          e instanceof ServiceConfigurationError && e.getCause() != null ? e.getCause() : e;
      findings.add(
          PluginFailures.outOfMemory(cause)
              ? takesTooMuch(source)
              : providerFails(source, description, className, PluginFailures.said(cause)));
    }
  }

  private static PluginFinding notStarted(PluginPackage source, String why) {
    return new PluginFinding(
        FindingCode.DOES_NOT_START,
        PluginPackage.nameOf(source.file()),
        "the plugin does not start",
        why,
        "look at its plugin.class; most backends need none and do everything in the Backend",
        List.of());
  }

  private static PluginFinding noProvider(PluginPackage source) {
    return new PluginFinding(
        FindingCode.NO_PROVIDER,
        PluginPackage.nameOf(source.file()),
        "the package has no backend of its own",
        PluginPackage.SERVICE + " names no class of the package",
        "name the class that implements dev.cocovisor.api.Backend in that file",
        List.of());
  }

  private static PluginFinding providerFails(
      PluginPackage source, PluginDescription description, String className, String why) {
    return new PluginFinding(
        FindingCode.PROVIDER_FAILS,
        PluginPackage.nameOf(source.file()),
        className.isEmpty()
            ? "a registered backend cannot be loaded"
            : "the backend " + className + " cannot be created",
        why,
        "its public constructor and info() have to work without outside help; until then:"
            + " cocovisor plugins disable "
            + description.id(),
        List.of());
  }

  private static PluginFinding takesTooMuch(PluginPackage source) {
    return new PluginFinding(
        FindingCode.TAKES_TOO_MUCH,
        PluginPackage.nameOf(source.file()),
        "the plugin takes more memory than there is while it is loaded",
        "java.lang.OutOfMemoryError in a process of "
            + (Runtime.getRuntime().maxMemory() >> 20)
            + " MiB",
        "a backend that only says who it is takes next to nothing: look at its constructor,"
            + " static initialisers and info()",
        List.of());
  }

  private static PluginFinding replacing(PluginPackage source) {
    return new PluginFinding(
        FindingCode.REPLACES_STREAMS,
        PluginPackage.nameOf(source.file()),
        "the plugin put other streams in place of the process's own",
        "System.out, System.err or System.in was another one after it was loaded; they are back",
        "leave the streams of the process alone",
        List.of());
  }

  private static PluginFinding printing(PluginPackage source, String printed) {
    return new PluginFinding(
        FindingCode.PRINTS_TO_STDOUT,
        PluginPackage.nameOf(source.file()),
        "the plugin printed to standard output while it was loaded",
        "it printed '" + printed + "'; results go there, so it was sent to standard error",
        "use SLF4J or the host's TraceSink",
        List.of());
  }
}
