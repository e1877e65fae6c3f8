package dev.cocovisor.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** The repository's own texts: what somebody wrote, nothing that a build made. */
final class RepositoryTexts {
  static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  private RepositoryTexts() {}

  /** Returns the files whose path matches a pattern as a whole. */
  static List<Path> matching(String pattern) throws IOException {
    try (Stream<Path> all = Files.walk(ROOT)) {
      return all.filter(p -> p.toString().matches(pattern))
          .filter(
              p -> !ROOT.relativize(p).toString().matches("(.*/)?(target|node_modules|\\.git)/.*"))
          .toList();
    }
  }

  /** Returns a file's text; one that is packed, unpacked. */
  static String read(Path file) {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
