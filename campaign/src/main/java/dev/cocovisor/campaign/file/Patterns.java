package dev.cocovisor.campaign.file;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/** Names of files as campaigns write them: beside the campaign's file, stars in the last part. */
final class Patterns {
  private Patterns() {}

  /** Finds files: a file, all of a folder, or those whose names fit. */
  static List<Path> find(Path folder, String pattern) throws IOException {
    Path path = folder.resolve(pattern).normalize();
    if (Files.isDirectory(path)) {
      return list(path, "*");
    }
    if (Files.isRegularFile(path)) {
      return List.of(path);
    }
    Path parent = path.getParent();
    return parent != null && Files.isDirectory(parent)
        ? list(parent, String.valueOf(path.getFileName()))
        : List.of();
  }

  private static List<Path> list(Path folder, String glob) throws IOException {
    PathMatcher fits = FileSystems.getDefault().getPathMatcher("glob:" + glob);
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(p -> Files.isRegularFile(p) && fits.matches(p.getFileName()))
          .sorted()
          .toList();
    }
  }

  /** Returns the name by which a campaign knows a file. */
  static String name(Path folder, Path file) {
    return folder.relativize(file).toString().replace('\\', '/');
  }

  /** Finds among the names of files that were found before. */
  static List<String> among(Collection<String> names, String pattern) {
    String plain = Path.of(pattern).normalize().toString().replace('\\', '/');
    int slash = plain.lastIndexOf('/');
    String parent = plain.substring(0, slash + 1);
    PathMatcher fits =
        FileSystems.getDefault().getPathMatcher("glob:" + plain.substring(slash + 1));
    return names.stream()
        .filter(n ->
            n.equals(plain)
                || (n.startsWith(plain + "/") && n.indexOf('/', plain.length() + 1) < 0)
                || (n.startsWith(parent)
                    && n.indexOf('/', parent.length()) < 0
                    && fits.matches(Path.of(n.substring(parent.length())))))
        .sorted()
        .toList();
  }
}
