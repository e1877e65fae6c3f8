package dev.cocovisor.host.pack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where a program may keep what it can make again: {@code $COCOVISOR_CACHE}, or {@code cocovisor}
 * below {@code $XDG_CACHE_HOME} or {@code ~/.cache}.
 *
 * <p>What is only there while a process works on it has that process's number in its name, so that
 * a later one finds and removes what a killed one left.
 */
public final class UserCache {
  private UserCache() {}

  /** Returns the folder; it need not exist. */
  public static Path folder() {
    String property = System.getProperty("cocovisor.cache");
    if (property != null) {
      return Path.of(property);
    }
    String own = System.getenv("COCOVISOR_CACHE");
    if (own != null && !own.isEmpty()) {
      return Path.of(own);
    }
    String base = System.getenv("XDG_CACHE_HOME");
    return (base != null && !base.isEmpty()
            ? Path.of(base)
            : Path.of(System.getProperty("user.home", "."), ".cache"))
        .resolve("cocovisor");
  }

  /** Makes a fresh folder that belongs to this process. */
  public static Path fresh(Path parent, String kind) throws IOException {
    Files.createDirectories(parent);
    return Files.createTempDirectory(parent, kind + "-" + ProcessHandle.current().pid() + "-");
  }

  /** Removes what processes that are gone left in a folder. */
  public static void sweep(Path parent, String kind) {
    if (!Files.isDirectory(parent)) {
      return;
    }
    try (Stream<Path> all = Files.list(parent)) {
      for (Path p : all.filter(p -> left(p, kind)).toList()) {
        delete(p);
      }
    } catch (IOException e) {
      // Somebody else's, or being removed by somebody else: nothing to do.
    }
  }

  private static boolean left(Path p, String kind) {
    String name = PluginPackage.nameOf(p);
    if (!name.startsWith(kind + "-")) {
      return false;
    }
    String[] parts = name.substring(kind.length() + 1).split("-", 2);
    try {
      return parts.length == 2 && !alive(Long.parseLong(parts[0]));
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static boolean alive(long pid) {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  /** Removes a folder with all that is in it; null is nothing. Links are removed, not followed. */
  public static void delete(@Nullable Path folder) throws IOException {
    if (folder == null || !Files.exists(folder, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(p);
      }
    }
  }
}
