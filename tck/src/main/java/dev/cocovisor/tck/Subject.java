package dev.cocovisor.tck;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.vmm.VmmDriver;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.Properties;
import java.util.ServiceLoader;
import java.util.Set;

/**
 * What the kit judges.
 *
 * @param backend the backend under test
 * @param driver how its VMM launches a VM
 * @param behaviours what it claims to offer
 */
public record Subject(Backend backend, VmmDriver driver, Set<Behaviour> behaviours) {
  /** Names the resource in which a backend declares its behaviours; %s is its id. */
  public static final String PROPERTIES = "META-INF/cocovisor/%s/tck.properties";

  /** Keeps an immutable copy. */
  public Subject {
    behaviours = Set.copyOf(behaviours);
  }

  /** Tells whether the backend claims a behaviour. */
  public boolean has(Behaviour behaviour) {
    return behaviours.contains(behaviour);
  }

  /**
   * Finds a backend's driver and declaration through the class loader that its classes come from.
   *
   * @throws IllegalArgumentException if there is no driver for it
   */
  public static Subject of(Backend backend) {
    return of(backend, backend.getClass().getClassLoader());
  }

  /** As {@link #of(Backend)}, for a backend that is wrapped: {@code loader} is the plugin's. */
  public static Subject of(Backend backend, ClassLoader loader) {
    String id = backend.info().id();
    for (VmmDriver driver : ServiceLoader.load(VmmDriver.class, loader)) {
      if (driver.backend().equals(id)) {
        return new Subject(backend, driver, declared(id, driver.getClass()));
      }
    }
    throw new IllegalArgumentException(
        "backend "
            + id
            + " has no VmmDriver: name one in META-INF/services/"
            + VmmDriver.class.getName());
  }

  private static Set<Behaviour> declared(String id, Class<?> owner) {
    ClassLoader loader = owner.getClassLoader();
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
