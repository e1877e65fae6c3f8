package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.pack.ApiVersion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The texts that vendors see, word for word, for each way to break a package. */
class BrokenPluginTest {
  @TempDir Path folder;
  PluginWorkshop shop;

  @BeforeEach
  void open() {
    shop = new PluginWorkshop(folder);
  }

  @Test
  void aFileThatIsNoZipIsNamedSo() throws IOException {
    Files.writeString(folder.resolve("acme.zip"), "not a zip at all");
    golden("broken-zip");
  }

  @Test
  void anEntryThatLeadsOutsideIsRefusedBeforeAnythingIsUnpacked() {
    shop.descriptor("acme").entry("classes/../../evil.txt", "x").zip("acme.zip");
    golden("zip-slip");
    assertThat(folder.resolve("evil.txt")).doesNotExist();
    assertThat(folder.resolve(".unpacked")).doesNotExist();
  }

  @Test
  void aPackageWithoutBackendIsTold() {
    shop.descriptor("acme").entry("classes/readme.txt", "nothing").zip("acme.zip");
    golden("no-provider");
  }

  @Test
  void aProviderThatThrowsIsQuoted() {
    shop.descriptor("acme")
        .backend(
            "com.acme.Acme", "acme", "if (true) throw new IllegalStateException(\"no licence\");")
        .service("com.acme.Acme")
        .zip("acme.zip");
    golden("provider-throws");
  }

  @Test
  void aPackageForAnotherApiIsNotTried() {
    shop.descriptor("acme", "plugin.requires=>=99.0.0")
        .backend("com.acme.Acme", "acme", "")
        .service("com.acme.Acme")
        .zip("acme.zip");
    golden("wrong-api");
  }

  @Test
  void bundledApiClassesAreWarnedOfAndIgnored() {
    shop.descriptor("acme")
        .backend("com.acme.Acme", "acme", "")
        .source(
            "dev.cocovisor.api.Backend",
            "package dev.cocovisor.api; public interface Backend { void somethingElse(); }")
        .service("com.acme.Acme")
        .zip("acme.zip");
    golden("bundled-api");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.require("acme").info().version()).isEqualTo("1.0.0");
    }
  }

  @Test
  void twoPackagesWithOneBackendIdAreBothNamedAndNeitherIsUsed() {
    PluginWorkshop.honest(folder, "first", "acme");
    PluginWorkshop.honest(folder, "second", "acme");
    golden("duplicate-id");
    try (BackendRegistry registry =
        BackendRegistry.builder()
            .judge(PackageJudge.TRUSTING)
            .pluginFolder(folder)
            .prefer("acme", "first")
            .open()) {
      assertThat(registry.require("acme").provenance().pluginId()).isEqualTo("first");
      assertThat(registry.findings()).isEmpty();
    }
  }

  @Test
  void aMissingDependencyIsNamedWithWhatThereIs() {
    shop.descriptor("acme", "plugin.dependencies=crypto@>=2.0.0")
        .backend("com.acme.Acme", "acme", "")
        .service("com.acme.Acme")
        .zip("acme.zip");
    PluginWorkshop.honest(folder, "other", "other");
    golden("missing-dependency");
  }

  @Test
  void whatAPluginPrintsGoesToStandardErrorWithAWarning() {
    shop.descriptor("acme")
        .backend("com.acme.Acme", "acme", "System.out.println(\"Acme (c) 2026, all rights\");")
        .service("com.acme.Acme")
        .zip("acme.zip");
    PrintStream out = System.out;
    ByteArrayOutputStream seen = new ByteArrayOutputStream();
    System.setOut(new PrintStream(seen, true, StandardCharsets.UTF_8));
    try {
      golden("prints-to-stdout");
    } finally {
      System.setOut(out);
    }
    assertThat(seen.size()).isZero();
  }

  @Test
  void aPackageThatDoesNotSayWhatItIsIsRefused() {
    shop.entry("plugin.properties", "plugin.version=1.0.0\n").zip("acme.zip");
    golden("no-id");
  }

  @Test
  void aPluginClassThatFailsIsQuoted() {
    shop.descriptor("acme", "plugin.class=com.acme.Start")
        .source(
            "com.acme.Start",
            """
            package com.acme;
            public final class Start extends org.pf4j.Plugin {
              @Override public void start() { throw new IllegalStateException("no network"); }
            }
            """)
        .backend("com.acme.Acme", "acme", "")
        .service("com.acme.Acme")
        .zip("acme.zip");
    golden("does-not-start");
  }

  /** Compares what opening the folder finds with the text of that name. */
  private void golden(String name) {
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      String found =
          String.join("\n", registry.findings().stream().map(PluginFinding::text).toList())
              .replace(folder.toString(), "FOLDER");
      try (var in = BrokenPluginTest.class.getResourceAsStream("golden/" + name + ".txt")) {
        String expected =
            in == null ? "(no golden text)" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        assertThat(found).isEqualTo(expected.strip().replace("API", ApiVersion.release()));
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }
}
