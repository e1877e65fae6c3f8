package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** A list made with the program takes the place of a look into every jar, and says no more. */
@Isolated("sets a property that every registry reads")
class ListedBackendsTest {
  private static final String PROPERTY = "cocovisor.backends";

  @AfterEach
  void forget() {
    System.clearProperty(PROPERTY);
  }

  @Test
  void whatIsListedIsFoundWithItsJar(@TempDir Path folder) throws IOException {
    List<LoadedBackend> looked = all();
    LoadedBackend one = looked.getFirst();
    list(folder, one.provenance().className() + " some.jar");

    List<LoadedBackend> found = all();

    assertThat(found)
        .singleElement()
        .satisfies(b -> {
          assertThat(b.id()).isEqualTo(one.id());
          assertThat(b.provenance().location()).isEqualTo(folder.resolve("some.jar"));
          assertThat(b.provenance().className()).isEqualTo(one.provenance().className());
        });
  }

  @Test
  void whatCannotBeLoadedIsAFindingAndKeepsNobodyElseOut(@TempDir Path folder) throws IOException {
    LoadedBackend one = all().getFirst();
    list(folder, "no.such.Backend x.jar", "java.lang.String", one.provenance().className());

    try (BackendRegistry registry = BackendRegistry.classPathOnly()) {
      assertThat(registry.all()).extracting(LoadedBackend::id).containsExactly(one.id());
      assertThat(registry.findings())
          .extracting(f -> f.text())
          .hasSize(2)
          .anySatisfy(t -> assertThat(t).contains("no.such.Backend"))
          .anySatisfy(t -> assertThat(t).contains("java.lang.String"));
    }
  }

  @Test
  void aListThatIsNotThereLeavesTheLook(@TempDir Path folder) {
    List<LoadedBackend> looked = all();
    System.setProperty(PROPERTY, folder.resolve("none").toString());
    assertThat(all()).extracting(LoadedBackend::id).isEqualTo(ids(looked));
  }

  private static void list(Path folder, String... lines) throws IOException {
    System.setProperty(
        PROPERTY, Files.write(folder.resolve("backends"), List.of(lines)).toString());
  }

  private static List<String> ids(List<LoadedBackend> backends) {
    return backends.stream().map(LoadedBackend::id).toList();
  }

  private static List<LoadedBackend> all() {
    try (BackendRegistry registry = BackendRegistry.classPathOnly()) {
      return registry.all();
    }
  }
}
