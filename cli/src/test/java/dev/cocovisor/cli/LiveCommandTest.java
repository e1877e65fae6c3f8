package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The live commands where they need no KVM: their words, and the profiles that others take. */
class LiveCommandTest {
  private static final String PROFILE =
      """
      # somebody else's machine
      host_config({kernel="6.18", tdp_mmu=0, core.max-vcpus=7, core.capabilities="KVM_CAP_HLT=3"}) = 0
      """;

  @TempDir Path dir;

  private record Ran(int code, String out, String err) {}

  private static Ran run(String... args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    int code =
        Main.run(
            new Console(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                false,
                false),
            args);
    return new Ran(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void aloneItSaysWhatThereIs() {
    Ran ran = run("live");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("run", "check", "record", "host");
  }

  @Test
  void withoutKvmOrWithoutTheFileItIsUsage() {
    // Here the file is missing, on a machine without KVM that comes first.
    Ran ran = run("live", "check", dir.resolve("none.kvmlog").toString());
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).matches("(?s).*(no such file|/dev/kvm).*");
  }

  @Test
  void aProfileSetsHosts() throws IOException {
    Path profile = Files.writeString(dir.resolve("host.profile"), PROFILE);
    Path log =
        Files.writeString(
            dir.resolve("a.kvmlog"),
            """
            openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS) = 7
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_HLT) = 3
            ioctl(3, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) = 0
            """);
    Ran with = run("replay", "--host", profile.toString(), log.toString());
    assertThat(with.out()).contains("mismatches=0");
    Ran without = run("replay", log.toString());
    assertThat(without.out()).contains("mismatches=3");
    Ran wins =
        run("replay", "--host", profile.toString(), "--set", "core.max-vcpus=8", log.toString());
    assertThat(wins.out())
        .contains("mismatches=1", "--host " + profile + " --set core.max-vcpus=8");
  }

  @Test
  void aProfileThatIsNoneIsRefused() throws IOException {
    Path none = Files.writeString(dir.resolve("none"), "# nothing\n");
    Ran ran = run("replay", "--host", none.toString(), none.toString());
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("host_config");
    Ran missing = run("replay", "--host", dir.resolve("gone").toString(), none.toString());
    assertThat(missing.code()).isEqualTo(ExitCode.USAGE);
    assertThat(missing.err()).contains("--host");
  }
}
