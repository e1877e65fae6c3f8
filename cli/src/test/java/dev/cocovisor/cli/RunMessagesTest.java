package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What run says of a scenario that goes wrong, word by word. */
class RunMessagesTest {
  private static final String GOOD =
      """
      # A page is read.
      backends(["sw-protected", "tdx"])
      vm_launch({memory=0x1000000, vcpus=1}) = 1
      vm_read(1, {at=0}) = 0 (OK, value=0)
      """;

  @TempDir Path dir;

  private String file(String text) throws IOException {
    return Files.writeString(dir.resolve("a.kvmlog"), text).toString();
  }

  @Test
  void aWrongExpectationIsNamedByFileAndLine() throws IOException {
    String file = file(GOOD.replace("value=0)", "value=9)"));
    Ran ran = Ran.of("run", file, "--trace", "none");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out())
        .endsWith(
            """
            %s:4: not as expected
              expected   0 (OK, value=9)
              got        0 (OK, value=0)
              reproduce  ./cocovisor run %s
            calls=3 unmet=1
            """
                .formatted(file, file));
  }

  @Test
  void aSyntaxErrorIsNamedByFileLineAndColumn() throws IOException {
    String file = file(GOOD.replace("{at=0}", "{at=0"));
    Ran ran = Ran.of("run", file);
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).isEqualTo("cocovisor: " + file + ":4:17: ')', expected '}'\n");
  }

  @Test
  void anUnknownBackendIsAnsweredWithThoseThereAre() throws IOException {
    Ran ran = Ran.of("run", file(GOOD), "--backend", "sgx");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err())
        .startsWith("cocovisor: there is no technology 'sgx'; there are cca, default, pkvm, ")
        .contains("sev-snp, sw-protected, tdx");
  }

  @Test
  void aMissingFileIsNamed() {
    assertThat(Ran.of("run", "nowhere.kvmlog"))
        .isEqualTo(new Ran(2, "", "cocovisor: nowhere.kvmlog: no such file\n"));
  }

  @Test
  void anExpectationByTechnologyCountsForThatOneOnly() throws IOException {
    String text =
        GOOD.replace(" = 0 (OK, value=0)", "")
            + "expect({sw-protected=\"0 (OK, value=0)\", tdx=\"-1 EPERM\"})\n";
    String file = file(text);
    assertThat(Ran.of("run", file, "--backend", "sw-protected").code()).isEqualTo(ExitCode.CLEAN);
    Ran ran = Ran.of("run", file, "--backend", "tdx", "--trace", "none");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out()).contains(":4: not as expected\n  expected   -1 EPERM\n");
  }

  @Test
  void aFirmwareCallStandsBelowTheHookThatMadeIt() {
    String example =
        Path.of(System.getProperty("cocovisor.root"), "examples/convert-small-in-huge.kvmlog")
            .toString();
    String all = Ran.of("run", example, "--backend", "tdx").out();
    assertThat(all)
        .containsPattern(
            "    hook +split_external_spt\\(gfn=0x200, level=2.*\\n"
                + "(      .*\\n)*      firmware  TDH.MEM.PAGE.DEMOTE\\(")
        .contains("ownership pfn=")
        .contains("... and ");
    assertThat(Ran.of("run", example, "--backend", "tdx", "--full").out())
        .doesNotContain("... and ");
    assertThat(Ran.of("run", example, "--backend", "tdx", "--trace", "hooks").out())
        .doesNotContain("firmware  ");
    assertThat(Ran.of("run", example, "--backend", "tdx", "--trace", "none").out())
        .doesNotContain("hook ")
        .doesNotContain("ownership");
  }
}
