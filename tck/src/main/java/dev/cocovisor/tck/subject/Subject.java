package dev.cocovisor.tck.subject;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the kit judges: a backend with its VMM, what it says of itself, and how its host is set. */
public final class Subject {
  /** Names the resource in which a backend declares what it offers and claims; %s is its id. */
  public static final String PROPERTIES = "META-INF/cocovisor/%s/tck.properties";

  private final Backend backend;
  private final Technology technology;
  private final Declaration declaration;
  private final Map<String, String> settings;
  private final Set<Behaviour> behaviours;

  private Subject(
      Backend backend,
      Technology technology,
      Declaration declaration,
      Map<String, String> settings) {
    this.backend = backend;
    this.technology = technology;
    this.declaration = declaration;
    this.settings = settings;
    this.behaviours = declaration.behaviours(settings);
  }

  /** A backend with its own VMM that makes every claim of a confidential technology. */
  public Subject(Backend backend, Set<Behaviour> behaviours) {
    this(backend, backend.vmm(), behaviours);
  }

  /** A backend with another VMM than its own; as {@link #Subject(Backend, Set)}. */
  public Subject(Backend backend, VmmDriver driver, Set<Behaviour> behaviours) {
    this(
        backend,
        Technology.of(backend).withDriver(driver),
        new Declaration(Set.copyOf(behaviours), Claim.confidential(), Map.of()),
        Map.of());
  }

  /** Finds a backend's declaration through the class loader that its class comes from. */
  public static Subject of(Backend backend) {
    return of(backend, backend.getClass().getClassLoader());
  }

  /**
   * As {@link #of(Backend)}, for a backend that is wrapped: {@code loader} is the plugin's.
   *
   * @throws IllegalArgumentException if the declaration has a word nobody knows
   */
  public static Subject of(Backend backend, ClassLoader loader) {
    return new Subject(
        backend, Technology.of(backend), Declaration.of(backend.info().id(), loader), Map.of());
  }

  /** Returns this subject with other claims. */
  public Subject withClaims(Set<Claim> claims) {
    return new Subject(
        backend,
        technology,
        new Declaration(declaration.behaviours(), Set.copyOf(claims), declaration.withSettings()),
        settings);
  }

  /** Returns this subject on a host with settings. */
  public Subject withSettings(Map<String, String> made) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    all.putAll(made);
    return new Subject(backend, technology, declaration, Map.copyOf(all));
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
    return declaration.claims().contains(claim);
  }

  /** Returns the claims it makes. */
  public Set<Claim> claims() {
    return declaration.claims();
  }

  /** Returns the claims of a confidential technology that this one does not make. */
  public Set<Claim> missingClaims() {
    Set<Claim> missing = EnumSet.noneOf(Claim.class);
    missing.addAll(Claim.confidential());
    missing.removeAll(declaration.claims());
    return missing;
  }

  /**
   * Returns the subject with each value of each of its settings that differs from the default, one
   * at a time, itself first. A number is tried at its ends.
   */
  public List<Subject> matrix() {
    List<Subject> all = new ArrayList<>();
    all.add(this);
    for (Setting s : backend.info().settings()) {
      for (String value : values(s)) {
        if (!value.equals(s.checked(s.byDefault()))) {
          all.add(withSettings(Map.of(s.name(), value)));
        }
      }
    }
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
    String id = backend.info().id();
    return settings.isEmpty() ? id : id + " " + new java.util.TreeMap<>(settings);
  }
}
