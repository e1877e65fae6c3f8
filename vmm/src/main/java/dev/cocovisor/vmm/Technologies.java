package dev.cocovisor.vmm;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The technologies there are, in the order of their ids; immutable. It looks for nothing by itself:
 * whoever found the backends hands them in, once, and passes this on to who needs it.
 */
public final class Technologies {
  private final SortedMap<String, Technology> byId;

  private final HostMaker hosts;

  private Technologies(SortedMap<String, Technology> byId, HostMaker hosts) {
    this.byId = byId;
    this.hosts = hosts;
  }

  /** Returns those the kernel has without a backend. */
  public static Technologies builtIn() {
    return of(List.of());
  }

  /**
   * Returns those of the backends given, and the built-in ones.
   *
   * @throws IllegalArgumentException if two have one id
   */
  public static Technologies of(Iterable<? extends Backend> backends) {
    TreeMap<String, Technology> all = new TreeMap<>();
    all.put(Technology.SW_PROTECTED.id(), Technology.SW_PROTECTED);
    all.put(Technology.DEFAULT.id(), Technology.DEFAULT);
    for (Backend b : backends) {
      Technology t = Technology.of(b);
      if (all.put(t.id(), t) != null) {
        throw new IllegalArgumentException("two technologies call themselves '" + t.id() + "'");
      }
    }
    return new Technologies(all, Kvm::new);
  }

  /** Returns these with one more, or with another one under its id. */
  public Technologies with(Technology technology) {
    TreeMap<String, Technology> all = new TreeMap<>(byId);
    all.put(technology.id(), technology);
    return new Technologies(all, hosts);
  }

  /** Returns these on hosts that somebody else boots. */
  public Technologies withHosts(HostMaker other) {
    return new Technologies(byId, other);
  }

  /** Boots a host for guests of these technologies; who asks closes it. */
  public Kvm boot(HostConfig config, List<Backend> backends, TraceSink trace) {
    return hosts.boot(config, backends, trace);
  }

  /** Returns all of them in the order of their ids. */
  public Collection<Technology> all() {
    return Collections.unmodifiableCollection(byId.values());
  }

  /** Returns the ids in order. */
  public SortedSet<String> ids() {
    return Collections.unmodifiableSortedSet(new TreeSet<>(byId.keySet()));
  }

  /** Returns a technology, or null if there is none of this id. */
  public @Nullable Technology find(String id) {
    return byId.get(id);
  }

  /**
   * Returns a technology.
   *
   * @throws IllegalArgumentException if there is none of this id; the text lists those there are,
   *     the one that was meant first
   */
  public Technology require(String id) {
    Technology found = byId.get(id);
    if (found == null) {
      String meant = Nearest.to(id, byId.keySet());
      throw new IllegalArgumentException(
          "there is no technology '"
              + id
              + "'"
              + (meant == null ? "" : ": did you mean " + meant + "?")
              + (meant == null ? "; there are " : " There are ")
              + String.join(", ", byId.keySet()));
    }
    return found;
  }

  /** Returns the backends, in the order of their ids. */
  public List<Backend> backends() {
    List<Backend> backends = new ArrayList<>();
    for (Technology t : byId.values()) {
      Backend b = t.backend();
      if (b != null) {
        backends.add(b);
      }
    }
    return List.copyOf(backends);
  }

  /**
   * Returns the numbers of all VM types by their names, as a script may write them; those of the
   * kernel's own guests included.
   */
  public Map<String, Long> vmTypeSymbols() {
    Map<String, Long> symbols = new LinkedHashMap<>();
    symbols.put(VmType.X86_DEFAULT.name(), VmType.X86_DEFAULT.number());
    symbols.put(VmType.X86_SW_PROTECTED.name(), VmType.X86_SW_PROTECTED.number());
    symbols.put(VmType.ARM_NORMAL.name(), VmType.ARM_NORMAL.number());
    for (Technology t : byId.values()) {
      t.vmTypes().forEach(type -> symbols.put(type.name(), type.number()));
    }
    return Collections.unmodifiableMap(symbols);
  }

  /** Returns what a user can set: the core's settings, then each technology's. */
  public List<Setting> settings() {
    List<Setting> all = new ArrayList<>(CoreSettings.ALL);
    byId.values().forEach(t -> all.addAll(t.settings()));
    return List.copyOf(all);
  }

  /**
   * Returns a setting.
   *
   * @throws IllegalArgumentException if nobody declares it; the text names the one that was meant,
   *     or all there are
   */
  public Setting setting(String name) {
    List<Setting> all = settings();
    for (Setting s : all) {
      if (s.name().equals(name)) {
        return s;
      }
    }
    throw new IllegalArgumentException(
        Nearest.refusal("setting", name, all.stream().map(Setting::name).toList()));
  }
}
