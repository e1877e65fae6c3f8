package dev.cocovisor.cli.plugin;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Makes Javadoc of what a plugin is written against, by the JDK's own tool. */
final class PluginJavadoc {
  /** What a vendor's sources and tests name; the others are only run. */
  private static final Set<String> NAMED = Set.of("cocovisor-api", "cocovisor-tck");

  private PluginJavadoc() {}

  /** Returns a jar of pages; null for what no plugin names, and where the tool is missing. */
  static byte @Nullable [] of(String artifact, Path sources) throws IOException {
    Optional<ToolProvider> tool = ToolProvider.findFirst("javadoc");
    if (!NAMED.contains(artifact) || tool.isEmpty()) {
      return null;
    }
    Path pages = Files.createTempDirectory("cocovisor-javadoc");
    try {
      List<String> command =
          new ArrayList<>(
              List.of(
                  "-quiet",
                  "--no-fonts",
                  "-notimestamp",
                  "-Xdoclint:none",
                  "-encoding",
                  "UTF-8",
                  "-classpath",
                  System.getProperty("java.class.path"),
                  "-d",
                  pages.toString()));
      try (Stream<Path> all = Files.walk(sources)) {
        all.map(Path::toString).filter(f -> f.endsWith(".java")).sorted().forEach(command::add);
      }
      PrintStream nowhere =
          new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
      int code = tool.get().run(nowhere, nowhere, command.toArray(String[]::new));
      return code == 0 ? ProjectTemplate.jar(pages) : null;
    } finally {
      remove(pages);
    }
  }

  private static void remove(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    }
  }
}
