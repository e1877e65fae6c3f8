package dev.cocovisor.tck.subject;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.vmm.HostMaker;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What the kit judges: a backend with its VMM, what it says of itself, and how its host is set. */
public final class JudgedBackend {
  /** Names the resource in which a backend declares what it offers and claims; %s is its id. */
  public static final String PROPERTIES = "META-INF/cocovisor/%s/tck.properties";

  private static final int MANY_VCPUS = 4;

  private final Backend backend;
  private final Technology technology;
  private final Declaration declaration;
  private final Map<String, String> settings;
  private final int vcpus;
  private final HostMaker hosts;
  private final Set<Behaviour> behaviours;
  private final Set<Claim> claims;

  private JudgedBackend(
      Backend backend,
      Technology technology,
      Declaration declaration,
      Map<String, String> settings,
      int vcpus,
      HostMaker hosts) {
    this.backend = backend;
    this.technology = technology;
    this.declaration = declaration;
    this.settings = settings;
    this.vcpus = vcpus;
    this.hosts = hosts;
    this.behaviours = declaration.behaviours(settings);
    this.claims = declaration.claims(settings);
  }

  /** A backend with its own VMM that makes every claim of a confidential technology. */
  public JudgedBackend(Backend backend, Set<Behaviour> behaviours) {
    this(backend, backend.vmm(), behaviours);
  }

  /** A backend with another VMM than its own; as {@link #JudgedBackend(Backend, Set)}. */
  public JudgedBackend(Backend backend, VmmDriver driver, Set<Behaviour> behaviours) {
    this(
        backend,
        Technology.of(backend).withDriver(driver),
        new Declaration(Set.copyOf(behaviours), Claim.confidential(), Map.of()),
        Map.of(),
        1,
        Kvm::new);
  }

  /** Finds a backend's declaration through the class loader that its class comes from. */
  public static JudgedBackend of(Backend backend) {
    return of(backend, backend.getClass().getClassLoader());
  }

  /**
   * As {@link #of(Backend)}, for a backend that is wrapped: {@code loader} is the plugin's.
   *
   * @throws IllegalArgumentException if the declaration has a word nobody knows
   */
  public static JudgedBackend of(Backend backend, ClassLoader loader) {
    return new JudgedBackend(
        backend,
        Technology.of(backend),
        Declaration.of(backend.info().id(), loader),
        Map.of(),
        1,
        Kvm::new);
  }

  /** Returns this subject with other claims. */
  public JudgedBackend withClaims(Set<Claim> claims) {
    return new JudgedBackend(
        backend,
        technology,
        new Declaration(declaration.behaviours(), Set.copyOf(claims), declaration.withSettings()),
        settings,
        vcpus,
        hosts);
  }

  /** Returns this subject with guests of so many vCPUs where a rule does not say how many. */
  public JudgedBackend withVcpus(int number) {
    return new JudgedBackend(backend, technology, declaration, settings, number, hosts);
  }

  /** Returns this subject on a host with settings. */
  public JudgedBackend withSettings(Map<String, String> made) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    all.putAll(made);
    return new JudgedBackend(backend, technology, declaration, Map.copyOf(all), vcpus, hosts);
  }

  /** Returns this subject on hosts that somebody else boots, from other parts. */
  public JudgedBackend withHosts(HostMaker other) {
    return new JudgedBackend(backend, technology, declaration, settings, vcpus, other);
  }

  /** Returns who boots the hosts it is judged on. */
  public HostMaker hosts() {
    return hosts;
  }

  /** Returns the backend under test. */
  public Backend backend() {
    return backend;
  }

  /** Returns the same with its VMM, as guests of it are launched. */
  public Technology technology() {
    return technology;
  }

  /** Returns how its VMM launches and uses a guest. */
  public VmmDriver driver() {
    return technology.driver();
  }

  /** Returns the settings of the host, by their full names. */
  public Map<String, String> settings() {
    return settings;
  }

  /** Returns how many vCPUs a guest has where a rule does not say. */
  public int vcpus() {
    return vcpus;
  }

  /** Returns what a launch asks for with the settings made. */
  public Fields launch() {
    return declaration.launch(settings);
  }

  /** Returns why the kit does not judge it with the settings made; null where it does. */
  public @Nullable String unjudged() {
    return declaration.unjudged(settings);
  }

  /** Tells whether the backend offers a behaviour, with the settings made. */
  public boolean has(Behaviour behaviour) {
    return behaviours.contains(behaviour);
  }

  /** Tells whether the technology makes a claim. */
  public boolean claims(Claim claim) {
    return claims.contains(claim);
  }

  /** Returns the claims it makes. */
  public Set<Claim> claims() {
    return Set.copyOf(claims);
  }

  /** Returns the claims of a confidential technology that this one does not make. */
  public Set<Claim> missingClaims() {
    Set<Claim> missing = EnumSet.noneOf(Claim.class);
    missing.addAll(Claim.confidential());
    missing.removeAll(claims);
    return missing;
  }

  /**
   * Returns the subject with each value of each of its settings that differs from the default, and
   * with what hosts and guests of every technology differ in: the order of folios and the number of
   * processors and vCPUs. One at a time, itself first. Numbers among a technology's own settings
   * are limits and planned failures, not ways to behave; they are not tried.
   */
  public List<JudgedBackend> matrix() {
    List<JudgedBackend> all = new ArrayList<>();
    all.add(this);
    for (Setting s : backend.info().settings()) {
      for (String value : values(s)) {
        if (!value.equals(s.checked(s.byDefault()))) {
          all.add(withSettings(Map.of(s.name(), value)));
        }
      }
    }
    if (has(Behaviour.GUEST_MEMFD)) {
      for (String order : CoreSettings.GMEM_ORDER.choices()) {
        if (!order.equals(CoreSettings.GMEM_ORDER.byDefault())) {
          all.add(withSettings(Map.of(CoreSettings.GMEM_ORDER.name(), order)));
        }
      }
    }
    all.add(withSettings(Map.of(CoreSettings.CPUS.name(), "1")));
    all.add(withVcpus(MANY_VCPUS));
    return all;
  }

  private static List<String> values(Setting s) {
    return switch (s.kind()) {
      case CHOICE -> s.choices();
      case FLAG -> List.of("true", "false");
      case NUMBER, TEXT, KERNEL -> List.of();
    };
  }

  /** Returns the backend's id with its settings, for reports. */
  @Override
  public String toString() {
    Map<String, String> differs = new TreeMap<>(settings);
    if (vcpus != 1) {
      differs.put("vcpus", Integer.toString(vcpus));
    }
    String id = backend.info().id();
    return differs.isEmpty() ? id : id + " " + differs;
  }
}
