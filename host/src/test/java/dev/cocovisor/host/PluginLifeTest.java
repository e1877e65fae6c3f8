package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.load.Provenance;
import dev.cocovisor.host.pack.PluginStatus;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PluginLifeTest {
  @TempDir Path folder;
  @TempDir Path elsewhere;

  @Test
  void aDroppedPackageIsThereWithItsProvenance() {
    Path zip = PluginWorkshop.honest(folder, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      LoadedBackend acme = registry.require("acme");
      assertThat(acme.provenance().source()).isEqualTo(Provenance.Source.PLUGIN);
      assertThat(acme.provenance().location()).isEqualTo(zip);
      assertThat(acme.provenance().sha256()).matches("[0-9a-f]{64}");
      assertThat(acme.provenance().pluginVersion()).isEqualTo("1.0.0");
      assertThat(registry.findings()).isEmpty();
    }
  }

  @Test
  void thePluginSeesTheApiButNotTheHost() {
    PluginWorkshop shop =
        new PluginWorkshop(folder)
            .descriptor("nosy")
            .backend(
                "com.nosy.Nosy",
                "nosy",
                "try { Class.forName(\"dev.cocovisor.host.discovery.BackendRegistry\"); throw new"
                    + " IllegalStateException(\"the host is visible\"); } catch"
                    + " (ClassNotFoundException e) { }")
            .service("com.nosy.Nosy");
    shop.zip("nosy.zip");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.findings()).isEmpty();
      assertThat(registry.find("nosy")).isNotNull();
    }
  }

  @Test
  void unknownIdsAreAnsweredWithWhatThereIs() {
    PluginWorkshop.honest(folder, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThatThrownBy(() -> registry.require("tdy"))
          .isInstanceOf(HostException.class)
          .hasMessageContaining("COCO-P001 error: tdy: there is no such backend")
          .hasMessageContaining("available: acme");
      assertThatThrownBy(() -> registry.unload("tdy"))
          .hasMessageContaining("COCO-P002")
          .hasMessageContaining("available: acme");
    }
  }

  @Test
  void loadingAndUnloadingGoOnWhileOtherVmsLive() {
    Path one = PluginWorkshop.honest(elsewhere, "one", "one");
    Path two = PluginWorkshop.honest(elsewhere, "two", "two");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      registry.load(one);
      VmOps vm = born(registry.require("one").backend(), 1);
      registry.load(two);
      VmOps other = born(registry.require("two").backend(), 2);
      assertThat(registry.all()).extracting(LoadedBackend::id).containsExactly("one", "two");

      assertThatThrownBy(() -> registry.unload("one"))
          .hasMessageContaining("COCO-P021")
          .hasMessageContaining("its VMs live: one#1");
      assertThat(registry.find("one")).isNotNull();

      other.vmDestroy();
      registry.unload("two");
      assertThat(registry.all()).extracting(LoadedBackend::id).containsExactly("one");

      vm.vmDestroy();
      registry.unload("one");
      assertThat(registry.all()).isEmpty();
    }
  }

  @Test
  void anUnloadedBackendSaysSoAndGivesNoNewVm() {
    Path zip = PluginWorkshop.honest(elsewhere, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      registry.load(zip);
      Backend backend = registry.require("acme").backend();
      Platform platform = backend.createPlatform(mock(HostMachine.class));
      VmOps unborn = platform.createVm(context(7), backend.info().vmTypes().getFirst());
      registry.unload("acme");
      assertThat(unborn.vmInit()).isEqualTo(Errno.ENODEV);
      assertThatThrownBy(() -> backend.createPlatform(mock(HostMachine.class)))
          .hasMessageContaining("COCO-P023");
      assertThatThrownBy(() -> platform.createVm(context(8), backend.info().vmTypes().getFirst()))
          .hasMessageContaining("COCO-P023");
    }
  }

  @Test
  void theClassLoaderCanBeCollectedEvenIfAHostKeepsTheBackend() throws InterruptedException {
    Path zip = PluginWorkshop.honest(elsewhere, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      registry.load(zip);
      Backend kept = registry.require("acme").backend();
      Platform platform = kept.createPlatform(mock(HostMachine.class));
      WeakReference<ClassLoader> loader = loaderOf(platform);
      registry.unload("acme");
      for (int i = 0; i < 100 && loader.get() != null; i++) {
        System.gc();
        Thread.sleep(20);
      }
      assertThat(loader.get()).isNull();
      assertThat(kept.info().id()).isEqualTo("acme");
    }
  }

  private static WeakReference<ClassLoader> loaderOf(Platform platform) {
    VmOps ops =
        dev.cocovisor.api.ops.ForwardingVmOps.unwrap(
            platform.createVm(context(1), dev.cocovisor.api.VmType.X86_DEFAULT));
    return new WeakReference<>(ops.getClass().getClassLoader());
  }

  @Test
  void aLoadThatFailsLeavesNothingBehindAndCanBeRepeated() {
    Path bad =
        new PluginWorkshop(elsewhere)
            .descriptor("acme")
            .backend("com.acme.Acme", "acme", "if (true) throw new RuntimeException(\"first\");")
            .service("com.acme.Acme")
            .zip("acme.zip");
    Path good = PluginWorkshop.honest(elsewhere, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThatThrownBy(() -> registry.load(bad)).hasMessageContaining("COCO-P014");
      assertThat(registry.plugins()).isEmpty();
      assertThat(registry.load(good).backends()).containsExactly("acme");
      assertThatThrownBy(() -> registry.load(good)).hasMessageContaining("COCO-P018");
    }
  }

  @Test
  void disablingLastsAndEnablingBringsItBack() throws IOException {
    PluginWorkshop.honest(folder, "acme", "acme");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.setEnabled("acme", false)).isTrue();
      assertThat(registry.find("acme")).isNull();
      assertThat(registry.setEnabled("acme", false)).isFalse();
    }
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.plugins().getFirst().state()).isEqualTo(PluginStatus.State.DISABLED);
      assertThat(registry.setEnabled("acme", true)).isTrue();
      assertThat(registry.find("acme")).isNotNull();
    }
  }

  @Test
  void aDependencyIsLoadedFirstAndCannotGoBeforeItsDependents() {
    new PluginWorkshop(folder)
        .descriptor("aaa", "plugin.dependencies=zzz@>=1.0.0")
        .backend("com.a.A", "a", "")
        .service("com.a.A")
        .zip("aaa.zip");
    PluginWorkshop.honest(folder, "zzz", "z");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.findings()).isEmpty();
      assertThat(registry.all()).extracting(LoadedBackend::id).containsExactly("a", "z");
      assertThatThrownBy(() -> registry.unload("zzz"))
          .hasMessageContaining("COCO-P022")
          .hasMessageContaining("aaa");
      registry.unload("aaa");
      registry.unload("zzz");
    }
  }

  @Test
  void aPlainJarWithAManifestIsAPluginToo() throws IOException {
    Path zip =
        new PluginWorkshop(elsewhere)
            .backend("com.jar.Jar", "jar", "")
            .service("com.jar.Jar")
            .zip("x.zip");
    Path jar = folder.resolve("jar.jar");
    try (var in = new java.util.zip.ZipFile(zip.toFile());
        var out = new java.util.zip.ZipOutputStream(Files.newOutputStream(jar))) {
      out.putNextEntry(new java.util.zip.ZipEntry("META-INF/MANIFEST.MF"));
      out.write(
          "Manifest-Version: 1.0\nPlugin-Id: jar\nPlugin-Version: 2.0.0\n"
              .getBytes(java.nio.charset.StandardCharsets.UTF_8));
      for (var entry : java.util.Collections.list(in.entries())) {
        out.putNextEntry(new java.util.zip.ZipEntry(entry.getName().substring(8)));
        in.getInputStream(entry).transferTo(out);
      }
    }
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.findings()).isEmpty();
      assertThat(registry.require("jar").provenance().pluginVersion()).isEqualTo("2.0.0");
    }
  }

  @Test
  void aPackageIsUnpackedOnceAndAChangedOneAnew() throws IOException {
    PluginWorkshop.honest(folder, "acme", "acme");
    BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open().close();
    BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open().close();
    assertThat(folder.resolve(".unpacked")).isDirectoryContaining(p -> true);
    Path other = PluginWorkshop.honest(elsewhere, "acme", "acme2");
    Files.move(other, folder.resolve("acme-1.0.0.zip"), StandardCopyOption.REPLACE_EXISTING);
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      assertThat(registry.all()).extracting(LoadedBackend::id).containsExactly("acme2");
    }
  }

  private static VmOps born(Backend backend, int id) {
    VmOps ops =
        backend
            .createPlatform(mock(HostMachine.class))
            .createVm(context(id), backend.info().vmTypes().getFirst());
    assertThat(ops.vmInit()).isEqualTo(Errno.OK);
    return ops;
  }

  private static VmContext context(int id) {
    VmContext vm = mock(VmContext.class);
    when(vm.id()).thenReturn(id);
    return vm;
  }
}
