package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** import, record and lift from the command line; docs/recording.md shows them at work. */
class TraceCommandsTest {
  private static final String TRACE =
      """
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      ioctl(3, KVM_CREATE_VM, 0) = 4
      ioctl(4, KVM_SET_USER_MEMORY_REGION2, 0x7ffe) = 0
      """;

  @TempDir Path dir;

  private String file(String name, String text) throws IOException {
    return Files.writeString(dir.resolve(name), text).toString();
  }

  @Test
  void anImportEndsWithItsCountsAndWhatToRunInstead() throws IOException {
    Ran ran = Ran.of("import", file("vmm.strace", TRACE));
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.out())
        .contains("1  KVM_SET_USER_MEMORY_REGION2: an address, not the structure")
        .contains("cocovisor record -o LOG -- COMMAND")
        .endsWith("lines=3 calls=3 dropped=0 undecoded=1\n");
    assertThat(Ran.of("import", "--json", file("vmm.strace", TRACE)).out())
        .contains("\"format\"", "cocovisor.import", "\"undecoded\"");
  }

  @Test
  void whatIsNoTraceIsRefusedWithItsPlace() throws IOException {
    Ran ran = Ran.of("import", file("vmm.strace", "no call\n"));
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("vmm.strace:1:1: 'no call', expected what strace -f -y prints");
    assertThat(Ran.of("import", "nowhere.strace").err()).contains("nowhere.strace: no such file");
  }

  @Test
  void whatWasSkippedIsToldBeforeTheTotals() throws IOException {
    String log = dir.resolve("imported.kvmlog").toString();
    assertThat(Ran.of("import", file("vmm.strace", TRACE), "-o", log).code()).isZero();
    assertThat(Ran.of("replay", log).out())
        .isEqualTo(
            """
                 1  skipped: KVM_SET_USER_MEMORY_REGION2: its arguments were not seen
            programs=1 calls=4 compared=2 skipped=1 mismatches=0
            """);
    Ran strict = Ran.of("replay", "--strict", log);
    assertThat(strict.code()).isEqualTo(ExitCode.USAGE);
    assertThat(strict.err()).contains("imported.kvmlog:7:");
  }

  @Test
  void aRecordingNeedsACommandOrAProcess() {
    Ran ran = Ran.of("record");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("record takes a command behind --, or --pid");
    assertThat(Ran.of("record", "--pid", "1", "--", "true").code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aLogWithoutAGuestCannotBeLifted() throws IOException {
    Ran ran = Ran.of("lift", file("empty.kvmlog", "close(3) = 0\n"));
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("no VM in it that had memory and ran");
  }
}
