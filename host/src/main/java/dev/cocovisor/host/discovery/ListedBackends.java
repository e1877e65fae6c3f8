package dev.cocovisor.host.discovery;

import dev.cocovisor.api.Backend;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * The backends of the class path by a list made when the program was put together: a class and its
 * jar a line. To ask a class path for its services opens every jar of it, which takes longer than
 * everything else that lists backends or measures does.
 */
final class ListedBackends implements Iterator<ServiceLoader.Provider<Backend>> {
  /** The property that names the list; its jars lie beside it. */
  static final String PROPERTY = "cocovisor.backends";

  private final ClassLoader loader;
  private final Path folder;
  private final Iterator<String> lines;

  private ListedBackends(ClassLoader loader, Path folder, Iterator<String> lines) {
    this.loader = loader;
    this.folder = folder;
    this.lines = lines;
  }

  /** Returns what is listed for the program's own class path, null if nothing is for this one. */
  static @Nullable ListedBackends of(ClassLoader loader) {
    String named = System.getProperty(PROPERTY);
    if (named == null || loader != ListedBackends.class.getClassLoader()) {
      return null;
    }
    Path list = Path.of(named).toAbsolutePath();
    Path folder = list.getParent();
    try {
      return folder == null
          ? null
          : new ListedBackends(loader, folder, Files.readAllLines(list).iterator());
    } catch (IOException e) {
      return null; // the class path itself says it too
    }
  }

  @Override
  public boolean hasNext() {
    return lines.hasNext();
  }

  @Override
  public ServiceLoader.Provider<Backend> next() {
    String line = lines.next();
    int space = line.indexOf(' ');
    String name = space < 0 ? line : line.substring(0, space);
    try {
      return new Listed(
          Class.forName(name, false, loader).asSubclass(Backend.class),
          space < 0 ? null : folder.resolve(line.substring(space + 1)));
    } catch (ClassNotFoundException | ClassCastException e) {
      throw new ServiceConfigurationError(name + " is listed, and is no backend here", e);
    }
  }

  /**
   * One of them.
   *
   * @param type its class
   * @param jar where that lies, null if the list does not say
   */
  record Listed(Class<? extends Backend> type, @Nullable Path jar)
      implements ServiceLoader.Provider<Backend> {
    @Override
    public Backend get() {
      try {
        return type.getConstructor().newInstance();
      } catch (InvocationTargetException e) {
        throw new ServiceConfigurationError(type.getName() + " cannot be created", e.getCause());
      } catch (ReflectiveOperationException e) {
        throw new ServiceConfigurationError(type.getName() + " cannot be created", e);
      }
    }
  }
}
