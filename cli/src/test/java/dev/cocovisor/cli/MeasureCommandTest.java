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
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the command prints: digests, explanations, differences, refusals. */
class MeasureCommandTest {
  private static final Path IMAGES = MeasureVectorsTest.VECTORS.resolve("images");
  private static final Path FILES = MeasureVectorsTest.VECTORS.resolve("files");
  private static final String VCPUS_2 =
      "5364e883954bc8a597e57df5d60f162cf97f7df7cee9f6b2ea8304c68c91a89ebef84ca25b8eff11579266f8bb03d6af";

  @TempDir Path folder = Path.of(".");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void clear() {
    out.reset();
    err.reset();
  }

  /** Runs {@code measure}; a word {@code @name} is a fixture image. */
  private int run(String... words) {
    clear();
    List<String> args = new ArrayList<>(List.of("measure"));
    for (String w : words) {
      args.add(w.startsWith("@") ? IMAGES.resolve(w.substring(1)).toString() : w);
    }
    return Main.run(
        new Console(new PrintStream(out, true), new PrintStream(err, true), false, false),
        args.toArray(String[]::new));
  }

  private String output() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String errors() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private String[] snp2(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--vcpus", "2", "--ovmf", "@ovmf-a.fd", "--append", "console=ttyS0 loglevel=7"));
    args.addAll(
        List.of(
            "--kernel",
            FILES.resolve("kernel-a.bin").toString(),
            "--initrd",
            FILES.resolve("initrd-a.bin").toString()));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  @Test
  void allSpellingsOfTheSameVcpuGiveTheSameDigest() {
    assertThat(run(snp2("snp", "--vcpu-type", "EPYC-v4"))).isZero();
    assertThat(output().strip()).isEqualTo(VCPUS_2);
    assertThat(run(snp2("--mode", "snp", "--vcpu-sig", "0x800f12"))).isZero();
    assertThat(output().strip()).isEqualTo(VCPUS_2);
    assertThat(run(snp2("snp", "--vcpu-family", "23", "--vcpu-model", "1", "--vcpu-stepping", "2")))
        .isZero();
    assertThat(output().strip()).isEqualTo(VCPUS_2);
  }

  @Test
  void theFirmwareDigestStandsInForTheFirmware() {
    assertThat(run("snp:ovmf-hash", "--ovmf", "@ovmf-a.fd")).isZero();
    String hash = output().strip();
    assertThat(run(snp2("snp", "--vcpu-type", "EPYC-v4", "--snp-ovmf-hash", hash))).isZero();
    assertThat(output().strip()).isEqualTo(VCPUS_2);
  }

  @Test
  void saveAreasAreDumpedAsTheyWereMeasured() throws Exception {
    List<String> words = new ArrayList<>(List.of("snp", "--vcpu-type", "EPYC-v4", "--explain"));
    words.addAll(List.of(snp2("--dump-vmsa", "--dump-folder", folder.toString())));
    assertThat(run(words.toArray(String[]::new))).isZero();
    assertThat(errors()).contains("wrote " + folder.resolve("vmsa0.bin"));
    for (int vcpu = 0; vcpu < 2; vcpu++) {
      byte[] page = Files.readAllBytes(folder.resolve("vmsa" + vcpu + ".bin"));
      assertThat(page).hasSize(4096);
      byte[] hash = MessageDigest.getInstance("SHA-384").digest(page);
      assertThat(output()).contains(HexFormat.of().formatHex(hash));
    }
    assertThat(folder.resolve("vmsa2.bin")).doesNotExist();
    assertThat(run("tdx", "--ovmf", "@tdvf-a.fd", "--dump-vmsa")).isEqualTo(ExitCode.USAGE);
    assertThat(errors()).contains("--dump-vmsa: this measurement has no save areas");
  }

  @Test
  void anSvsmIsChosenByItsOption() {
    assertThat(
            run(
                "snp",
                "--vcpus",
                "2",
                "--vcpu-type",
                "EPYC-v4",
                "--ovmf",
                "@ovmf-b.fd",
                "--svsm",
                "@svsm-a.bin",
                "--vars-size",
                "540672"))
        .isZero();
    assertThat(output()).startsWith("462b2355ab5b1e75");
  }

  @Test
  void sevHasItsOldAndNewNameAndNotesWhatDoesNotEnter() {
    String[] seves = {"--vcpus", "2", "--vcpu-type", "EPYC-Milan", "--ovmf", "@ovmf-b.fd"};
    assertThat(run(concat(seves, "sev-es"))).isZero();
    assertThat(output()).startsWith("96978d99de24e213");
    assertThat(run(concat(seves, "seves"))).isZero();
    assertThat(output()).startsWith("96978d99de24e213");
    assertThat(run("sev", "--vcpus", "2", "--ovmf", "@ovmf-b.fd")).isZero();
    assertThat(output()).startsWith("9e4ed00a059ae2f4");
    assertThat(errors()).contains("--vcpus does not enter a sev measurement");
  }

  private static String[] concat(String[] some, String... more) {
    List<String> all = new ArrayList<>(List.of(some));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  @Test
  void base64AndJsonHoldTheSameBytes() {
    assertThat(run(snp2("snp", "--vcpu-type", "EPYC-v4", "--output-format", "base64"))).isZero();
    assertThat(Base64.getDecoder().decode(output().strip()))
        .asHexString()
        .isEqualToIgnoringCase(VCPUS_2);
    assertThat(run(snp2("snp", "--vcpu-type", "EPYC-v4", "--json"))).isZero();
    assertThat(output()).contains("\"measurement\" : \"" + VCPUS_2 + "\"").doesNotContain("steps");
  }

  @ParameterizedTest
  @CsvSource({
    "explain-snp, snp --vcpus 2 --vcpu-type EPYC-v4 --ovmf @ovmf-e.fd --explain",
    "explain-sev-es, sev-es --vcpus 2 --vcpu-type EPYC-v4 --ovmf @ovmf-d.fd --explain",
    "explain-svsm, snp --vcpus 1 --vcpu-type EPYC-v4 --ovmf @ovmf-b.fd --svsm @svsm-a.bin"
        + " --vars-size 4096 --explain",
    "explain-tdx, tdx --vmm-type any --ovmf @tdvf-b.fd --order two-pass --explain",
    "diff-tdx-content, tdx --diff @tdvf-a.fd @combo.fd",
    "diff-snp-order, snp --vcpus 1 --vcpu-type EPYC-v4 --diff @ovmf-a.fd @ovmf-b.fd",
    "diff-cca, cca --diff A.steps B.steps",
    "explain-cca, cca --steps A.steps --s2sz 40 --explain"
  })
  void outputIsTheGoldenFile(String golden, String command) throws IOException {
    Files.writeString(
        folder.resolve("A.steps"),
        """
        INIT_RIPAS base=0 top=4M block=2M
        DATA_CREATE ipa=0 fill=1
        REC_CREATE pc=0x1000
        """);
    Files.writeString(
        folder.resolve("B.steps"),
        """
        INIT_RIPAS base=0 top=4M block=2M
        DATA_CREATE ipa=0 fill=1
        REC_CREATE pc=0x1000 gprs=1
        """);
    String[] words = command.split(" ", -1);
    for (int i = 0; i < words.length; i++) {
      if (words[i].endsWith(".steps")) {
        words[i] = folder.resolve(words[i]).toString();
      }
    }
    int code = run(words);
    Path file =
        Path.of(
            System.getProperty("cocovisor.root"), "cli/src/test/resources/golden", golden + ".txt");
    String got = output() + "exit " + code + "\n";
    if (System.getenv("COCOVISOR_GOLDEN_UPDATE") != null) {
      Files.writeString(file, got);
    }
    assertThat(got)
        .as(file + "; COCOVISOR_GOLDEN_UPDATE=1 rewrites it")
        .isEqualTo(Files.readString(file));
  }

  @Test
  void savedExplanationsCompareInBothForms() throws IOException {
    String[] two = snp2("snp", "--vcpu-type", "EPYC-v4", "--explain");
    assertThat(run(two)).isZero();
    Path text = Files.writeString(folder.resolve("two.txt"), output());
    assertThat(run(concat(two, "--json"))).isZero();
    Path json = Files.writeString(folder.resolve("two.json"), output());
    assertThat(run("snp", "--diff", text.toString(), json.toString())).isZero();
    assertThat(output()).startsWith("equal: 35 steps");

    assertThat(run(snp2("snp", "--vcpu-type", "EPYC-Milan", "--explain"))).isZero();
    Path milan = Files.writeString(folder.resolve("milan.txt"), output());
    assertThat(run("snp", "--diff", text.toString(), milan.toString())).isEqualTo(ExitCode.FOUND);
    assertThat(output())
        .contains("first difference: step 33")
        .contains("edx 0x800f12")
        .contains("edx 0xa00f11");
  }

  @Test
  void diffNamesTheFirstByteOfTheFirstPageThatDiffers() throws IOException {
    byte[] bytes = Files.readAllBytes(IMAGES.resolve("ovmf-c.fd"));
    bytes[0x5123] ^= 0x40;
    Path changed = Files.write(folder.resolve("changed.fd"), bytes);
    assertThat(
            run(
                "snp",
                "--vcpus",
                "1",
                "--vcpu-type",
                "EPYC",
                "--diff",
                "@ovmf-c.fd",
                changed.toString()))
        .isEqualTo(ExitCode.FOUND);
    assertThat(output())
        .contains("first difference: step 5\n")
        .contains("NORMAL 0xffff5000")
        .contains(
            "first at its byte 0x123: 0xff in A (file offset 0x5123), 0xbf in B (file offset"
                + " 0x5123)")
        .contains("from step 5 on 1 differ");
  }

  @Test
  void diffSeesThatOneSideGoesOn() throws IOException {
    assertThat(run("tdx", "--ovmf", "@tdvf-d.fd", "--explain")).isZero();
    List<String> lines = output().lines().toList();
    Path shorter = Files.write(folder.resolve("s.txt"), lines.subList(0, lines.size() - 3));
    assertThat(run("tdx", "--diff", "@tdvf-d.fd", shorter.toString())).isEqualTo(ExitCode.FOUND);
    assertThat(output()).contains("B: ends here, after 15 steps").contains("A measures 2 more");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "snp | bad-nofooter.fd | offset 0xfce: no footer table here, so no entry 00f771de",
        "snp | bad-noreset.fd | offset 0xfce: the footer table has no entry 00f771de",
        "snp | bad-entrysize.fd | offset 0xf90: table entry 11111111-2222-3333-4444-555555555555"
            + " has size 17, an entry has at least 18",
        "snp | bad-signature.fd | offset 0x800: the SEV descriptor's signature is 'ASEW', not"
            + " 'ASEV'",
        "snp | bad-version.fd | offset 0x808: the SEV descriptor's version is 2, not 1",
        "snp | bad-type.fd | offset 0x824: SEV section 1 has the unknown type 7",
        "snp | bad-oddsize.fd | offset 0x1000: the last page has only 100 bytes",
        "snp | no-such.fd | no-such.fd: no such file",
        "tdx | bad-nofooter.fd | offset 0xfce: no footer table here, so no entry e47a6535",
        "tdx | tbad-noentry.fd | offset 0x1fce: the footer table has no entry e47a6535",
        "tdx | tbad-signature.fd | offset 0x1010: the TDX descriptor's signature is 'TDVG'",
        "tdx | tbad-version.fd | offset 0x1018: the TDX descriptor's version is 2, not 1",
        "tdx | tbad-gpa.fd | offset 0x1028: TDX section 0 (BFV) has the address 0xffffe800, not 4"
            + " KiB aligned",
        "tdx | tbad-memsize.fd | offset 0x1030: TDX section 0 (BFV) has the memory size 0x1800",
        "tdx | tbad-raw.fd | offset 0x1030: TDX section 0 (BFV) has 0x1000 bytes of memory for"
            + " 0x2000 bytes of data",
        "tdx | tbad-range.fd | offset 0x1020: TDX section 0 (BFV) has its data at 0x1000 to 0x3000,"
            + " the image ends at 0x2000",
        "tdx | tbad-offset.fd | offset 0x1fb8: the TDX descriptor lies 0x3000 bytes before the end"
      })
  void badImagesAreRefusedWithWhatIsWrongWhere(String mode, String image, String message) {
    String[] vcpu = {"--vcpus", "1", "--vcpu-type", "EPYC", "--ovmf", "@" + image, "snp"};
    int code = mode.equals("snp") ? run(vcpu) : run("tdx", "--ovmf", "@" + image);
    assertThat(code).isEqualTo(ExitCode.USAGE);
    assertThat(errors()).contains(message);
    assertThat(output()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "nothing | no mode 'nothing': there are cca, igvm, igvm:snp,",
        "snp --mode tdx | two modes are given",
        "tdx --order back --ovmf @tdvf-a.fd | unknown order 'back', one of single, two-pass",
        "tdx | --ovmf is missing",
        "cca | --steps is missing",
        "snp --ovmf @ovmf-a.fd --vcpus 0 --vcpu-type EPYC | the number of vCPUs is 0",
        "snp --ovmf @ovmf-a.fd --vcpus x --vcpu-type EPYC | --vcpus is not a number: 'x'",
        "snp --ovmf @ovmf-a.fd --vcpus 1 | give --vcpu-type, --vcpu-sig, or --vcpu-family",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type 486 | unknown vCPU type '486', one of EPYC,",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vmm-type xen | unknown VMM type 'xen', one of QEMU,"
            + " ec2,",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type EPYC --host-kernel 5.4 | before 5.11",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type EPYC --host-kernel new | such as 6.1 or 6.9",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type EPYC --product Genoa | but --vmm-type gce",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vmm-type gce --product Rome | one of Milan, Genoa",
        "tdx --ovmf @tdvf-b.fd | is of type 4, which QEMU refuses; --vmm-type any takes it",
        "tdx --ovmf @tdvf-b.fd --vmm-type xen | unknown VMM type 'xen' for a TD",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type EPYC --initrd x | --initrd is measured only"
            + " with",
        "snp --ovmf @ovmf-a.fd --vcpus 1 --vcpu-type EPYC --snp-ovmf-hash 00 | is not 96 hex"
            + " digits",
        "tdx --output-format raw --ovmf @tdvf-a.fd | --output-format is hex or base64"
      })
  void wrongOptionsAreUsageErrors(String command, String message) {
    assertThat(run(command.split(" ", -1))).isEqualTo(ExitCode.USAGE);
    assertThat(errors()).contains(message);
  }
}
