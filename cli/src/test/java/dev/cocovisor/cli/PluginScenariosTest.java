package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A plugin's technology is as good as a built-in one to every command that runs something. */
class PluginScenariosTest {
  @TempDir static Path folder;
  private static Path plugins = Path.of("");

  @BeforeAll
  static void buildThePlugin() throws IOException {
    plugins = CovePackage.into(folder);
  }

  private static String example(String name) {
    return Path.of(System.getProperty("cocovisor.root"), "examples", name + ".kvmlog").toString();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "first-boot",
        "convert-back",
        "punch-then-touch",
        "reboot",
        "two-vcpus",
        "ping-pong"
      })
  void aSavedRunOfAPluginReplaysWithoutADifference(String name) {
    String saved = folder.resolve(name + ".kvmlog").toString();
    Ran ran =
        Ran.of(
            "run",
            example(name),
            "--plugins",
            plugins.toString(),
            "--backend",
            CovePackage.ID,
            "--save",
            saved);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out()).contains("calls=");
    Ran again = Ran.of("replay", saved, "--plugins", plugins.toString());
    assertThat(again.err()).isEmpty();
    assertThat(again.out()).startsWith("programs=1 ").endsWith(" mismatches=0\n");
  }

  @Test
  void aVmTypeOfAPluginIsASymbol() throws IOException {
    Path log = folder.resolve("type.kvmlog");
    Files.writeString(
        log,
        """
        # program 0
        openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
        ioctl(3, KVM_CREATE_VM, KVM_VM_TYPE_RISCV_COVE) = 4
        ioctl(4, KVM_CREATE_VCPU, 0) = 5
        """);
    Ran with = Ran.of("replay", log.toString(), "--plugins", plugins.toString());
    assertThat(with.out()).isEqualTo("programs=1 calls=3 mismatches=0\n");
    Ran without = Ran.of("replay", log.toString(), "--plugins", folder.toString());
    assertThat(without.code()).isEqualTo(ExitCode.USAGE);
    assertThat(without.err()).contains("type.kvmlog:3:25: 'KVM_VM_TYPE_RISCV_COVE', expected ");
  }

  @Test
  void aPackageThatIsInNoFolderIsUsedByItsFile() {
    String file = plugins.resolve(CovePackage.ID + "-1.0.0.jar").toString();
    Ran ran =
        Ran.of(
            "compare",
            example("first-boot"),
            "--plugin",
            file,
            "--backends",
            "tdx," + CovePackage.ID);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out()).startsWith("step ").contains(CovePackage.ID);
  }

  @Test
  void aGeneratedLogOfAPluginReplays() {
    String log = folder.resolve("generated.kvmlog").toString();
    Ran made =
        Ran.of(
            "generate",
            log,
            "--programs",
            "5",
            "--backend",
            CovePackage.ID,
            "--plugins",
            plugins.toString());
    assertThat(made.out()).contains(" violations=0");
    assertThat(Ran.of("replay", log, "--plugins", plugins.toString()).out())
        .startsWith("programs=5 ")
        .endsWith(" mismatches=0\n");
  }

  @Test
  void aVendorsOwnInstructionIsAStep() throws IOException {
    Path log = folder.resolve("act.kvmlog");
    Files.writeString(
        log,
        """
        # A guest accepts pages by its own instruction.
        vm_launch({memory=0x1000000, vcpus=2}) = 1
        vm_populate(1, {at=0, size=0x1000, measured=1, value=1}) = 0
        vm_finalize(1) = 0
        guest_tdcall(1, {leaf="TDG.MEM.PAGE.ACCEPT", gpa=0x200000, level=0})
        guest_tdcall(1, {leaf="TDG.MEM.PAGE.ACCEPT", gpa=0x201000, level=0, vcpu=1})
        """);
    Ran ran = Ran.of("run", log.toString(), "--backend", "tdx", "--trace", "none");
    assertThat(ran.code()).as(ran.out() + ran.err()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.out()).containsPattern("gpa=0x200000, level=0\\}\\) = 0 \\(OK");
    Files.writeString(log, Files.readString(log).replace("vcpu=1}", "vcpu=7}"));
    assertThat(Ran.of("run", log.toString(), "--backend", "tdx").err())
        .contains("act.kvmlog:6:14: guest_tdcall: the guest has no vCPU 7, it has 2");
  }

  static List<String> faults() throws IOException {
    try (Stream<Path> all = Examples.all().stream()) {
      return all.map(f -> f.getFileName().toString().replace(".kvmlog", ""))
          .filter(n -> n.startsWith("firmware-fails-at-"))
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("faults")
  void everyKindOfCallFailsOnThePluginAsExpected(String name) {
    Ran ran =
        Ran.of(
            "run",
            example(name),
            "--plugins",
            plugins.toString(),
            "--backend",
            CovePackage.ID,
            "--trace",
            "none");
    assertThat(ran.code()).as(ran.out() + ran.err()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void thereIsAScenarioForEachKindOfCall() throws IOException {
    assertThat(faults()).hasSizeGreaterThanOrEqualTo(11);
  }
}
