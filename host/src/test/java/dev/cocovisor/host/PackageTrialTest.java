package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.trial.PackageTrial;
import dev.cocovisor.host.trial.TrialLimits;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A package's code runs in another process first; all other ways to go wrong are a slow table. */
class PackageTrialTest {
  @TempDir Path folder;
  @TempDir Path cache;

  @BeforeEach
  void keepVerdictsHere() {
    System.setProperty("cocovisor.cache", cache.toString());
  }

  @AfterEach
  void forget() {
    System.clearProperty("cocovisor.cache");
  }

  private List<PluginFinding> open(String constructorBody) {
    new PluginWorkshop(folder)
        .descriptor("acme", "plugin.requires=*")
        .backend("com.acme.Acme", "acme", constructorBody)
        .service("com.acme.Acme")
        .zip("acme.zip");
    try (BackendRegistry registry =
        BackendRegistry.builder()
            .pluginFolder(folder)
            .judge(PackageTrial.of(new TrialLimits(20, 128, 16)))
            .open()) {
      assertThat(registry.find("acme") != null).isEqualTo(registry.findings().isEmpty());
      return registry.findings();
    }
  }

  @Test
  void aPackageThatExitsEndsAnotherProcessAndIsToldWhere() {
    assertThat(open("System.exit(0);"))
        .extracting(PluginFinding::text)
        .containsExactly(
            """
            COCO-P026 error: acme.zip: the plugin ends the process while it is loaded
              why:  System.exit was called at com.acme.Acme.<init>(Acme.java:6)
              mend: a plugin reports what is wrong by an exception from its constructor, never by an exit\
            """);
  }

  @Test
  void aPackageThatPassesIsLoaded() {
    assertThat(open("")).isEmpty();
  }

  @Test
  void limitsComeFromTheEnvironment() {
    assertThat(TrialLimits.of(Map.of("COCOVISOR_TRIAL_SECONDS", "5")))
        .isEqualTo(new TrialLimits(5, 256, 64));
    assertThatThrownBy(() -> TrialLimits.of(Map.of("COCOVISOR_TRIAL_HEAP_MB", "many")))
        .hasMessage("COCOVISOR_TRIAL_HEAP_MB=many: a whole number expected");
  }
}
