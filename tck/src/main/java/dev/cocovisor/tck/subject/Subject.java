package dev.cocovisor.tck.subject;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.vmm.Technology;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.Properties;
import java.util.Set;

/**
 * What the kit judges.
 *
 * @param backend the backend under test
 * @param technology the same with its VMM, as guests of it are launched
 * @param behaviours what it says it offers
 */
public record Subject(Backend backend, Technology technology, Set<Behaviour> behaviours) {
  /** Names the resource in which a backend declares its behaviours; %s is its id. */
  public static final String PROPERTIES = "META-INF/cocovisor/%s/tck.properties";

  /** Keeps an immutable copy. */
  public Subject {
    behaviours = Set.copyOf(behaviours);
  }

  /** A backend with its own VMM. */
  public Subject(Backend backend, Set<Behaviour> behaviours) {
    this(backend, Technology.of(backend), behaviours);
  }

  /** A backend with another VMM than its own. */
  public Subject(Backend backend, VmmDriver driver, Set<Behaviour> behaviours) {
    this(backend, Technology.of(backend).withDriver(driver), behaviours);
  }

  /** Tells whether the backend claims a behaviour. */
  public boolean has(Behaviour behaviour) {
    return behaviours.contains(behaviour);
  }

  /** Returns how its VMM launches and uses a guest. */
  public VmmDriver driver() {
    return technology.driver();
  }

  /** Finds a backend's declaration through the class loader that its class comes from. */
  public static Subject of(Backend backend) {
    return of(backend, backend.getClass().getClassLoader());
  }

  /** As {@link #of(Backend)}, for a backend that is wrapped: {@code loader} is the plugin's. */
  public static Subject of(Backend backend, ClassLoader loader) {
    return new Subject(backend, declared(backend.info().id(), loader));
  }

  private static Set<Behaviour> declared(String id, ClassLoader loader) {
    try (InputStream in = loader.getResourceAsStream(PROPERTIES.formatted(id))) {
      if (in == null) {
        return Behaviour.usual();
      }
      Properties p = new Properties();
      p.load(in);
      Set<Behaviour> flags = EnumSet.noneOf(Behaviour.class);
      for (String name : p.getProperty("behaviours", "").split(",", -1)) {
        if (!name.isBlank()) {
          flags.add(Behaviour.valueOf(name.trim()));
        }
      }
      return flags;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
