package dev.cocovisor.host.load;

import java.net.URL;
import java.util.Collections;
import java.util.Enumeration;
import org.jspecify.annotations.Nullable;

/**
 * The window through which plugins see the host: the api, PF4J's and SLF4J's and JSpecify's own
 * types, and the JDK. Everything else of the host (the core, Guice, Jackson) stays out of sight, so
 * that a plugin can neither depend on it by accident nor meet another version of its own libraries.
 */
final class ApiClassLoader extends ClassLoader {
  private static final String[] SHOWN = {
    "dev.cocovisor.api.", "org.pf4j.", "org.slf4j.", "org.jspecify."
  };

  private final ClassLoader host;

  ApiClassLoader(ClassLoader host) {
    super("cocovisor-api", ClassLoader.getPlatformClassLoader());
    this.host = host;
  }

  /** Tells whether a class is the api's: it always comes from the host. */
  static boolean isApi(String className) {
    return className.startsWith("dev.cocovisor.api.");
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    for (String shown : SHOWN) {
      if (name.startsWith(shown)) {
        return host.loadClass(name);
      }
    }
    throw new ClassNotFoundException(name);
  }

  @Override
  protected @Nullable URL findResource(String name) {
    return null;
  }

  @Override
  protected Enumeration<URL> findResources(String name) {
    return Collections.emptyEnumeration();
  }
}
