package dev.cocovisor.plugins;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.Provenance;
import dev.cocovisor.host.pack.PluginStatus;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each zip of the build, in a host that has no backend of its own. */
class DroppedInTest {
  private static final Path PLUGINS = Path.of(System.getProperty("cocovisor.root"), "plugins");

  @TempDir Path folder;

  /** Drops a zip as built into the folder. */
  private Path drop(String id) throws IOException {
    try (Stream<Path> files = Files.list(PLUGINS.resolve(id).resolve("target"))) {
      Path zip = files.filter(f -> f.toString().endsWith(".zip")).findFirst().orElseThrow();
      return Files.copy(zip, folder.resolve(id + ".zip"));
    }
  }

  private BackendRegistry open() {
    return BackendRegistry.builder().classPath().pluginFolder(folder).open();
  }

  @Test
  void theClassPathHasNoBackend() {
    assertThat(ServiceLoader.load(Backend.class).stream()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "pkvm", "cca", "riscv-cove"})
  void eachZipLoadsInAClassLoaderOfItsOwnAndRunsASmallVm(String id) throws IOException {
    Path zip = drop(id);
    assertThat(BackendRegistry.check(zip).state()).isEqualTo(PluginStatus.State.SOUND);
    try (BackendRegistry registry = open()) {
      assertThat(registry.findings()).isEmpty();
      LoadedBackend loaded = registry.require(id);
      assertThat(loaded.provenance().source()).isEqualTo(Provenance.Source.PLUGIN);
      assertThat(loaded.provenance().location()).isEqualTo(zip);
      assertThat(loaded.loader()).isNotEqualTo(DroppedInTest.class.getClassLoader());
      assertThatThrownBy(() ->
              Class.forName(loaded.provenance().className(), false, getClass().getClassLoader()))
          .isInstanceOf(ClassNotFoundException.class);
      run(loaded);
    }
  }

  @Test
  void allZipsLiveSideBySide() throws IOException {
    for (String id : List.of("tdx", "sev-snp", "pkvm", "cca", "riscv-cove")) {
      drop(id);
    }
    try (BackendRegistry registry = open()) {
      assertThat(registry.findings()).isEmpty();
      assertThat(registry.all())
          .extracting(LoadedBackend::id)
          .containsExactly("cca", "pkvm", "riscv-cove", "sev-snp", "tdx");
      for (LoadedBackend b : registry.all()) {
        run(b);
      }
      registry.all().forEach(b -> registry.unload(b.id()));
      assertThat(registry.all()).isEmpty();
    }
  }

  /** Launches a VM, runs it and ends it. */
  private void run(LoadedBackend loaded) throws IOException {
    Path scenario = folder.resolve("small.kvmlog");
    Files.writeString(
        scenario,
        """
        vm_launch({memory=0x1000000, vcpus=1}) = 1
        vm_populate(1, {at=0, size=0x2000, measured=1, value=0x5a})
        vm_finalize(1)
        vm_read(1, {at=0}) = 0 (OK, value=0x5a)
        vm_accept(1, {at=0x20000, size=0x1000})
        vm_write(1, {at=0x20000, value=7})
        vm_read(1, {at=0x20000}) = 0 (OK, value=7)
        vm_teardown(1) = 0
        """);
    Technologies technologies = Technologies.of(List.of(loaded.backend()));
    List<ScenarioStep> steps = new ArrayList<>();
    Scenario read = Scenario.read(LogSource.file(scenario), StepWords.of(technologies));
    try (var run = new ScenarioRun(read, technologies, loaded.id(), Map.of())) {
      run.run(steps::add);
    }
    Files.delete(scenario);
    assertThat(steps).hasSize(8);
    assertThat(steps).allSatisfy(s -> assertThat(s.unmet()).isNull());
  }
}
