package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that hold a whole boot: IGVM files, event logs, id blocks. */
class MeasureFilesTest {
  private static final Path VECTORS =
      Path.of(System.getProperty("cocovisor.root"), "conformance/vectors");

  @TempDir Path dir;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    out.reset();
    err.reset();
    List<String> all = new ArrayList<>(List.of("measure"));
    for (String a : args) {
      all.add(a.startsWith("@") ? VECTORS.resolve(a.substring(1)).toString() : a);
    }
    return Main.run(
        new Console(new PrintStream(out, true), new PrintStream(err, true), false, false),
        all.toArray(String[]::new));
  }

  private List<String> output() {
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private String errors() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void anIgvmFileIsMeasuredForEveryPlatformItIsMadeFor() {
    assertThat(run("igvm", "@igvm/coconut-a.igvm")).isZero();
    assertThat(output())
        .hasSize(2)
        .satisfiesExactly(
            snp -> assertThat(snp).matches("igvm:snp [0-9a-f]{96}"),
            tdx -> assertThat(tdx).matches("igvm:tdx [0-9a-f]{96}"));
    String snp = output().getFirst().substring(9);
    assertThat(run("igvm:snp", "@igvm/coconut-a.igvm")).isZero();
    assertThat(output()).containsExactly(snp);
    assertThat(run("igvm", "@igvm/huge.igvm")).isZero();
    assertThat(output()).hasSize(1);
  }

  @Test
  void theStepsOfAnIgvmFileNameItsDirectives() {
    assertThat(run("igvm:snp", "@igvm/coconut-a.igvm", "--explain")).isZero();
    assertThat(output())
        .anyMatch(l -> l.contains(" SECRETS 0x8000 - ") && l.endsWith("PAGE_DATA: zeros"))
        .anyMatch(l -> l.contains(" UNMEASURED 0x13000 - ") && l.contains("PARAMETER_INSERT"))
        .anyMatch(l -> l.contains(" VMSA 0xfffffffff000 ") && l.contains("vCPU 0"));
    assertThat(run("igvm", "@igvm/coconut-a.igvm", "--json")).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("\"measurements\"");
  }

  @Test
  void registersOfABootComeFromItsEventLog() {
    assertThat(run("rtmr", "@files/td/ccel.bin")).isZero();
    assertThat(output()).hasSize(4).allMatch(l -> l.matches("rtmr:[0-3] [0-9a-f]{96}"));
    assertThat(run("rtmr:1", "@files/td/ccel.bin", "--explain")).isZero();
    assertThat(output())
        .anyMatch(l -> l.startsWith("1 EV_EFI_ACTION - ") && l.endsWith("from Boot Option"));
  }

  @Test
  void anIdBlockIsMadeAndCheckedBesideItsMeasurement() {
    String file = dir.resolve("block").toString();
    String[] snp = {"igvm:snp", "@igvm/signed.igvm", "--id-block-file", file, "--id-block"};
    assertThat(run(concat(snp, "make"))).isZero();
    assertThat(output().getLast()).startsWith("id-block=");
    assertThat(run(concat(snp, "make"))).isEqualTo(ExitCode.USAGE);
    assertThat(errors()).contains("is there already; --force overwrites it");
    assertThat(run(concat(snp, "check"))).isZero();
    assertThat(run(concat(snp, "check", "--policy", "0x1"))).isEqualTo(ExitCode.FOUND);
    assertThat(errors()).contains("the id block's policy is 0x30000");
  }

  private static String[] concat(String[] some, String... more) {
    List<String> all = new ArrayList<>(List.of(some));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "igvm @images/ovmf-a.fd | offset 0x0: this is no IGVM file: it does not start with 'IGVM'",
        "igvm @igvm/bad-checksum.igvm | offset 0x14: the headers' checksum is 0x",
        "igvm @igvm/bad-short.igvm | offset 0x10: the file says it has 0xc2c0 bytes, it has 0xc2bf",
        "igvm @igvm/bad-order.igvm | follows later ones: platforms, initialization, directives",
        "igvm @igvm/bad-area.igvm | there is no parameter area 9",
        "igvm @igvm/bad-aligned.igvm | the address 0x1001 is not aligned to the page's 0x1000",
        "igvm @igvm/bad-directive.igvm | directive 0 has the type 0x306, which nobody defined",
        "igvm @igvm/wrong-block.igvm | the file's id block expects the digest ",
        "igvm:snp @igvm/td.igvm | td.igvm: the file is not made for SEV-SNP",
        "igvm:snp @igvm/huge.igvm --vmm-type QEMU | the save area lies at 0x7000; KVM measures it",
        "igvm:snp @igvm/coconut-a.igvm --zero-pages no | --zero-pages is normal or native, not"
            + " 'no'",
        "igvm | --igvm is missing",
        "rtmr:0 --memory 1G | rtmr:0 needs --ovmf, or --event-log",
        "rtmr:1 | rtmr:1 needs --kernel, or --event-log",
        "rtmr:2 | rtmr:2 needs --append or --initrd, or --event-log",
        "rtmr:1 --kernel @files/td/not-pe.efi | this is no PE image: it does not start with 'MZ'",
        "rtmr:1 --kernel @files/td/kernel.efi --setup-header x | is raw or patched, not 'x'",
        "rtmr:1 --kernel @files/td/kernel.efi --setup-header patched | needs --memory",
        "rtmr @files/td/bad-signature.bin | the log's signature is 'Spec ID Event02'",
        "rtmr @files/td/bad-cut.bin | reaches beyond the log",
        "rtmr @files/td/bad-sha256-only.bin | the log has no SHA-384 digests",
        "rtmr @files/td/ccel.bin --kernel x | --event-log stands for all files, --kernel included",
        "tdx @images/tdvf-a.fd --ovmf x | two files are given: "
      })
  void whatCannotBeMeasuredIsRefusedInWords(String command, String message) {
    assertThat(run(command.split(" ", -1))).isEqualTo(ExitCode.USAGE);
    assertThat(errors()).contains(message);
    assertThat(output()).isEmpty();
  }
}
