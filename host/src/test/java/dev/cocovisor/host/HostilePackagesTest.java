package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.trial.PackageTrial;
import dev.cocovisor.host.trial.TrialLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A package that goes wrong is told by its finding, costs itself only, and leaves nothing. */
@Tag("slow")
class HostilePackagesTest {
  private static final TrialLimits LIMITS = new TrialLimits(3, 96, 16);
  private static final List<String> TABLE = new ArrayList<>();

  @TempDir static Path cache;
  @TempDir Path folder;

  @BeforeAll
  static void keepVerdictsHere() {
    System.setProperty("cocovisor.cache", cache.toString());
  }

  @AfterAll
  static void print() {
    System.clearProperty("cocovisor.cache");
    TABLE.forEach(System.out::println);
  }

  static List<HostilePackages.Case> packages() {
    return HostilePackages.all();
  }

  @ParameterizedTest
  @MethodSource("packages")
  void aPackageCostsItselfOnly(HostilePackages.Case hostile) throws IOException {
    hostile.make().accept(folder);
    long began = System.nanoTime();
    List<PluginFinding> findings;
    boolean loaded;
    String listed;
    try (BackendRegistry registry =
        BackendRegistry.builder()
            .classPath()
            .pluginFolder(folder)
            .judge(PackageTrial.of(LIMITS))
            .open()) {
      findings = registry.findings();
      loaded = registry.find("evil") != null;
      assertThat(registry.all())
          .extracting(LoadedBackend::id)
          .contains("cca", "pkvm", "sev-snp", "tdx");
      listed = String.join(" ", registry.all().stream().map(LoadedBackend::id).sorted().toList());
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    String codes = String.join(" ", findings.stream().map(f -> f.code().id()).toList());
    TABLE.add("| %s | %s | %.1f | %s | %s |".formatted(hostile, codes, seconds, kept(), listed));
    assertThat(findings)
        .as(findings::toString)
        .extracting(PluginFinding::code)
        .contains(hostile.code());
    assertThat(loaded).isEqualTo(findings.stream().noneMatch(f -> f.code().error()));
    assertThat(findings)
        .allSatisfy(
            f -> assertThat(f.text().replace("\n", "")).doesNotContainPattern("\\p{Cntrl}"));
    assertThat(seconds).isLessThan(30);
    if (findings.stream().anyMatch(f -> f.code().error() && !lateClash(f.code()))) {
      assertThat(left()).doesNotContain(".unpacked/evil");
    }
    try (Stream<Path> work = Files.list(cache)) {
      assertThat(work.map(p -> String.valueOf(p.getFileName())))
          .noneMatch(n -> n.startsWith("trial"));
    }
  }

  /** Found among packages that are each sound by itself. */
  private static boolean lateClash(FindingCode code) {
    return code == FindingCode.VM_TYPE_TAKEN || code == FindingCode.DUPLICATE_BACKEND;
  }

  /** Says what is on disk beside the package itself. */
  private String kept() throws IOException {
    return left().isEmpty() ? "nothing" : "its classes";
  }

  private List<String> left() throws IOException {
    try (Stream<Path> all = Files.walk(folder, 2)) {
      return all.filter(p -> !p.equals(folder))
          .map(p -> folder.relativize(p).toString())
          .filter(p -> !p.equals("evil.zip") && !p.equals(".unpacked"))
          .sorted()
          .toList();
    }
  }

  @Test
  void aVerdictIsKeptByChecksum() throws IOException {
    Path zip = PluginWorkshop.honest(folder, "good", "good");
    open();
    List<Path> kept;
    try (Stream<Path> all = Files.list(cache.resolve("verdicts"))) {
      kept = all.toList();
    }
    assertThat(kept).isNotEmpty();
    FileTime longAgo = FileTime.fromMillis(0);
    for (Path verdict : kept) {
      Files.setLastModifiedTime(verdict, longAgo);
    }
    open();
    assertThat(kept).allMatch(v -> modified(v).equals(longAgo), "was not judged anew");
    assertThat(zip).exists();
  }

  private static FileTime modified(Path file) {
    try {
      return Files.getLastModifiedTime(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void open() {
    try (BackendRegistry registry =
        BackendRegistry.builder()
            .pluginFolder(folder)
            .judge(PackageTrial.of(TrialLimits.DEFAULT))
            .open()) {
      assertThat(registry.findings()).isEmpty();
      assertThat(registry.find("good")).isNotNull();
    }
  }

  @Test
  void whatKilledProcessesLeftIsSwept() throws IOException {
    // A package of its own: one with a known verdict is not tried, and a trial is what sweeps.
    PluginWorkshop.honest(folder, "swept", "good");
    Path unpacked = Files.createDirectories(folder.resolve(".unpacked"));
    Path half = Files.createDirectories(unpacked.resolve("unpacking-999999999-x/classes"));
    Path gone = Files.createDirectories(unpacked.resolve("old-1.0-0123456789abcdef"));
    Path trial = Files.createDirectories(cache.resolve("trial-999999999-x"));
    Path mine =
        Files.createDirectories(
            unpacked.resolve("unpacking-" + ProcessHandle.current().pid() + "-y"));
    open();
    assertThat(half).doesNotExist();
    assertThat(gone).doesNotExist();
    assertThat(trial).doesNotExist();
    assertThat(mine).exists();
  }
}
