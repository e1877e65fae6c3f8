package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
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

  @Test
  void aloneItSaysWhatThereIs() {
    Ran ran = Ran.of("live");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("run", "check", "record", "host");
  }

  @Test
  void withoutKvmOrWithoutTheFileItIsUsage() {
    // Here the file is missing, on a machine without KVM that comes first.
    Ran ran = Ran.of("live", "check", dir.resolve("none.kvmlog").toString());
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
    Ran with = Ran.of("replay", "--host", profile.toString(), log.toString());
    assertThat(with.out()).contains("mismatches=0");
    Ran without = Ran.of("replay", log.toString());
    assertThat(without.out()).contains("mismatches=3");
    Ran wins =
        Ran.of("replay", "--host", profile.toString(), "--set", "core.max-vcpus=8", log.toString());
    assertThat(wins.out())
        .contains("mismatches=1", "--host " + profile + " --set core.max-vcpus=8");
  }

  @Test
  void aProfileThatIsNoneIsRefused() throws IOException {
    Path none = Files.writeString(dir.resolve("none"), "# nothing\n");
    Ran ran = Ran.of("replay", "--host", none.toString(), none.toString());
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("host_config");
    Ran missing = Ran.of("replay", "--host", dir.resolve("gone").toString(), none.toString());
    assertThat(missing.code()).isEqualTo(ExitCode.USAGE);
    assertThat(missing.err()).contains("--host");
  }
}
