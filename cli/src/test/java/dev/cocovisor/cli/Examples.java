package dev.cocovisor.cli;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** The examples of the repository, for tests. */
final class Examples {
  static final Technologies TECHNOLOGIES = Technologies.of(ServiceLoader.load(Backend.class));

  private Examples() {}

  static List<Path> all() throws IOException {
    try (Stream<Path> files =
        Files.list(Path.of(System.getProperty("cocovisor.root"), "examples"))) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  static Scenario read(Path file) {
    try {
      return Scenario.read(LogSource.file(file), StepWords.of(TECHNOLOGIES));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
