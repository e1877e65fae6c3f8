package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What nobody knows is refused with its place, and with what was meant. */
class MisspellingsTest {
  private static final String LAUNCH = "vm_launch({memory=0x1000000, vcpus=1})\n";

  @TempDir Path dir;

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "host_config({tdx.page-sise-policy=\"v3\"}) ! 2:14: no setting 'tdx.page-sise-policy': did"
            + " you mean tdx.page-size-policy?",
        "host_config({memry=0x1000000}) ! 2:14: no field 'memry': did you mean memory?",
        "host_config({core.gmem-order=7}) ! 2:14: core.gmem-order=7: 0 or 9 or 18 expected",
        "vm_punch(1, {at=0, sise=0x1000}) ! 2:20: no field 'sise': did you mean size?",
        "vm_launch({memory=0x1000, vcpu=1}) ! 2:27: no field 'vcpu': did you mean vcpus?",
        "vm_convert(1, {at=0, to=shard}) ! 2:22: no 'to' 'shard': did you mean shared?",
        "firmware_fail({at=finalise}) ! 2:16: no 'at' 'finalise': did you mean finalize?",
        "vm_punsh(1, {at=0}) ! 2:1: no step 'vm_punsh': did you mean vm_punch?",
        "expect({tdy=\"0\"}) ! 2:9: no technology 'tdy': did you mean tdx?",
        "ioctl(3, KVM_CREATE_VM, KVM_X86_TDX_VN) ! 2:25: no symbol 'KVM_X86_TDX_VN': did you mean"
            + " KVM_X86_TDX_VM?",
        "guest_read(5, {gpa=0, cod=0x1000}) ! 2:23: no field 'cod': did you mean code?",
        "vm_finalize(1, {now=1}, 3) ! 2:25: vm_finalize with 3 arguments, expected 2 at most"
      })
  void aLineSaysWhatItMeans(String line, String message) throws IOException {
    Path file = dir.resolve("a.kvmlog");
    String before = line.startsWith("host_config") ? "# A host.\n" : LAUNCH;
    Files.writeString(file, before + line + "\n");
    Ran ran = Ran.of("run", file.toString(), "--backend", "tdx");
    assertThat(ran.err()).isEqualTo("cocovisor: " + file + ":" + message + "\n");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aSettingOfTheCommandLineIsCheckedToo() throws IOException {
    Path file = dir.resolve("a.kvmlog");
    Files.writeString(file, LAUNCH);
    Ran ran = Ran.of("run", file.toString(), "--set", "core.gmem-ordr=9");
    assertThat(ran.err())
        .isEqualTo(
            "cocovisor: --set: no setting 'core.gmem-ordr': did you mean core.gmem-order?\n");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aSettingOfTheCommandLineWinsAndIsSaved() throws IOException {
    Path file = dir.resolve("a.kvmlog");
    Files.writeString(file, "host_config({core.gmem-order=0})\n" + LAUNCH + "vm_stats(1)\n");
    Path saved = dir.resolve("saved.kvmlog");
    Ran ran =
        Ran.of(
            "run",
            file.toString(),
            "--set",
            "core.gmem-order=9",
            "--backend",
            "sw-protected",
            "--save",
            saved.toString());
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.CLEAN);
    assertThat(Files.readString(saved)).contains("core.gmem-order=9");
  }

  @Test
  void aTechnologyIsNamedWithTheOneThatWasMeant() throws IOException {
    Path file = dir.resolve("a.kvmlog");
    Files.writeString(file, LAUNCH);
    assertThat(Ran.of("run", file.toString(), "--backend", "pkvn").err())
        .startsWith("cocovisor: there is no technology 'pkvn': did you mean pkvm? There are ");
  }
}
