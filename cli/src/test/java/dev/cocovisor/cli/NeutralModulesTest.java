package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Neutral modules know no vendor: their code holds no technology's word and no register's name.
 * Comments may (they say whose rule it is), and so may the {@code source = "…"} of a rule of the
 * kit, which cites.
 */
class NeutralModulesTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  /** Whole words, once names are cut where their case changes and at underscores. */
  private static final Pattern WORDS =
      Pattern.compile(
          "(?i)(?<![a-z0-9])(tdx|tdcall|tdvmcall|tdh|tdg|seam|seamcall|pamt|mrtd|sev|snp|rmp|psp|ghcb"
              + "|vmsa|pvalidate|asid|pkvm|cca|rmm|rmi|rsi|realm|granule|cove|tsm|hvc|smc|smccc|amd|intel|rax|eax|exitinfo[12]|rbx|rcx|rdx|rsi|rdi|r8|r9|r1[0-5]|x[0-9](?!"
              + " ?apic)|esr)(?![a-z0-9])");

  /** Where a vendor's word has to stand, and why. */
  private static final Map<String, String> EXEMPT =
      Map.ofEntries(
          Map.entry("api/VmType.java", "linux/kvm.h names and numbers all VM types"),
          Map.entry("api/Capability.java", "linux/kvm.h names and numbers all capabilities"),
          Map.entry(
              "core/host/X86Extensions.java", "linux/kvm.h names and numbers all capabilities"),
          Map.entry("core/host/StatsLayout.java", "names that KVM gives its statistics"),
          Map.entry(
              "api/log/LogWords.java", "logs name the register KVM's own hypercall answers in"),
          Map.entry("script/call/ExitValues.java", "an abort carries the architecture's syndrome"),
          Map.entry("api/guest/Exit.java", "an abort carries the architecture's syndrome"),
          Map.entry("cli/measure/MeasureCommand.java", "examples in the help of a command"),
          Map.entry(
              "cli/measure/VmsaDump.java",
              "a file of one technology that a command writes on request"),
          Map.entry("live/kvm/LiveProcess.java", "this machine's processor, not a technology"),
          Map.entry("live/kvm/Machine.java", "this machine's processor, not a technology"),
          Map.entry("live/kvm/X86Stub.java", "instructions of this machine's processor"),
          Map.entry("live/trace/SeccompFilter.java", "registers of this machine's processor"),
          Map.entry("live/trace/TouchTrace.java", "names of the kernel's modules on this machine"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "api",
        "kvm-core",
        "vmm",
        "script",
        "tck",
        "host",
        "explore",
        "report",
        "live",
        "cli",
        "junit"
      })
  void codeHoldsNoVendorsWord(String module) throws IOException {
    List<String> found = new ArrayList<>();
    int files = 0;
    Path sources = ROOT.resolve(module).resolve("src/main/java/dev/cocovisor");
    try (Stream<Path> all = Files.walk(sources)) {
      for (Path file : all.filter(p -> p.toString().endsWith(".java")).sorted().toList()) {
        files++;
        String name = sources.relativize(file).toString();
        if (!EXEMPT.containsKey(name)) {
          vendorWords(Files.readString(file)).forEach(w -> found.add(name + ": " + w));
        }
      }
    }
    assertThat(files).isPositive();
    assertThat(found).isEmpty();
  }

  @Test
  void theSearchSeesWhatItIsToSee() {
    assertThat(vendorWords("int tdxModule; // SNP")).containsExactly("tdx");
    assertThat(vendorWords("String s = \"x0\" + RMP_SIZE /* GHCB */;"))
        .containsExactly("x0", "RMP");
    assertThat(vendorWords("@Rule(id = \"A\", source = \"TDX: wrong\" + \" key; SNP\")")).isEmpty();
    assertThat(vendorWords("long x2apic = X2APIC_FLAGS;")).isEmpty();
    assertThat(vendorWords("int mask = 0x8 | 0x20; char c = '\\''; long prsi = 9;")).isEmpty();
  }

  private static List<String> vendorWords(String source) {
    String code = withoutCitations(withoutComments(source)).replaceAll("0x[0-9a-fA-F_]+L?", "0");
    String words =
        code.replaceAll("([a-z0-9])([A-Z])", "$1 $2")
            .replaceAll("([A-Z]+)([A-Z][a-z])", "$1 $2")
            .replace('_', ' ');
    List<String> found = new ArrayList<>();
    Matcher m = WORDS.matcher(words);
    while (m.find()) {
      found.add(m.group());
    }
    return found;
  }

  private static String withoutCitations(String code) {
    return code.replaceAll("source\\s*=\\s*(\"[^\"]*\"\\s*\\+?\\s*)+", "");
  }

  /** Leaves texts and characters alone, a slash in them included. */
  private static String withoutComments(String source) {
    return Pattern.compile(
            "(\"\"\"(?s:.*?)\"\"\"|\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)+')|//[^\\n]*|/\\*(?s:.*?)\\*/")
        .matcher(source)
        .replaceAll(m -> m.group(1) == null ? " " : Matcher.quoteReplacement(m.group(1)));
  }
}
