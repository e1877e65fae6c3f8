package dev.cocovisor.host.discovery;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.Examination;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.Provenance;
import dev.cocovisor.host.pack.PluginPackage;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Finds the backends that a class loader shows. */
final class ClassPathBackends {
  private ClassPathBackends() {}

  /** Adds what is found; a provider that fails becomes a finding and keeps nobody else out. */
  static void find(ClassLoader loader, List<LoadedBackend> into, List<PluginFinding> findings) {
    Iterator<ServiceLoader.Provider<Backend>> providers = ListedBackends.of(loader);
    if (providers == null) {
      providers = ServiceLoader.load(Backend.class, loader).stream().iterator();
    }
    List<String> seen = new ArrayList<>();
    while (true) {
      ServiceLoader.Provider<Backend> provider = null;
      try {
        if (!providers.hasNext()) {
          return;
        }
        provider = providers.next();
        Backend backend = provider.get();
        BackendInfo info = Examination.of(backend, "class path");
        into.add(
            new LoadedBackend(
                backend,
                info,
                new Provenance(
                    Provenance.Source.CLASS_PATH,
                    null,
                    backend.getClass().getPackage().getImplementationVersion(),
                    provider instanceof ListedBackends.Listed listed
                        ? listed.jar()
                        : locationOf(provider.type()),
                    provider.type().getName())));
      } catch (Throwable e) { // whatever a backend throws, Errors included
        PluginFinding finding = e instanceof HostException h ? h.finding() : failure(provider, e);
        findings.add(finding);
        if (seen.contains(finding.text())) {
          return; // an iterator that is stuck
        }
        seen.add(finding.text());
      }
    }
  }

  /**
   * Tells which jar or folder a class came from. One that was loaded ahead of time has no code
   * source, so its class file is looked for.
   */
  private static @Nullable Path locationOf(Class<?> type) {
    CodeSource source = type.getProtectionDomain().getCodeSource();
    try {
      if (source != null && source.getLocation() != null) {
        return Path.of(source.getLocation().toURI());
      }
      String inside = "!/" + type.getName().replace('.', '/') + ".class";
      URL file = type.getResource(inside.substring(1));
      String place = String.valueOf(file);
      return place.startsWith("jar:file:") && place.endsWith(inside)
          ? Path.of(new URI(place.substring("jar:".length(), place.length() - inside.length())))
          : null;
    } catch (URISyntaxException e) {
      return null;
    }
  }

  private static PluginFinding failure(
      ServiceLoader.@Nullable Provider<Backend> provider, Throwable e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return new PluginFinding(
        FindingCode.PROVIDER_FAILS,
        "class path",
        provider == null
            ? "a registered backend cannot be loaded"
            : "the backend " + provider.type().getName() + " cannot be created",
        String.valueOf(cause),
        "mend or remove the jar that names it in " + PluginPackage.SERVICE,
        List.of());
  }
}
