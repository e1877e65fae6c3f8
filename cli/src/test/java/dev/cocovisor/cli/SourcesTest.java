package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every rule's source is one that a reader can open. */
class SourcesTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  /** A sentence that cites, up to its full stop. */
  private static final Pattern CITES =
      Pattern.compile(
          "\\bSources?(?: of [a-z ]{1,40})?: (?<what>.{3,700}?)(?:\\.(?=\\s|$)|<p>|$)",
          Pattern.DOTALL);

  /** The kinds of source there are, the more particular first. */
  private static final Map<String, Pattern> KINDS = new LinkedHashMap<>();

  static {
    kind(
        "Intel: TDX module and its specifications", "TDX [Mm]odule|Guest-Host Communication|Intel");
    kind("Arm: DEN documents and TF-RMM", "DEN\\d{4}|TF-RMM|DDI ?0487|SMCCC|PSCI");
    kind("AMD: firmware, GHCB and APM", "SEV-SNP Firmware|GHCB|APM|AMD64|SEV API|AMD");
    kind("RISC-V: CoVE, SBI and the privileged specification", "CoVE|SBI|RISC-V|Salus");
    kind("series on the kernel's lists, by name", "\"KVM:|series|patch");
    kind(
        "papers, by author, title and conference",
        "\\b(PLDI|POPL|OSDI|SOSP|ASPLOS|CONCUR)\\s+\\d{4}");
    kind("QEMU, EDK2, strace and other programs", "QEMU|EDK2|OVMF|strace|pc_system_");
    kind(
        "Linux: file and function",
        "\\b(arch|virt|mm|fs|include|drivers|kernel|tools|Documentation|lib)/[\\w./{}*-]+"
            + "|\\b[a-z][a-z0-9_]*\\.[chS]\\b|\\b_*[a-z0-9]+_[a-z0-9_]+\\b|kvm->arch");
    kind("this project's own contract, by class", "\\bapi, [A-Z]\\w+");
  }

  private static final List<Backend> BACKENDS =
      List.of(new TdxBackend(), new SevBackend(), new PkvmBackend(), new CcaBackend());

  /** What no reader has. */
  private static final Pattern NOWHERE =
      Pattern.compile("background seed|\\.\\./shared|\\bENGINEERING\\.md|\\bfacts/|\\bDESIGN\\.md");

  private static void kind(String name, String pattern) {
    KINDS.put(name, Pattern.compile(pattern));
  }

  private static Stream<Path> texts() throws IOException {
    return RepositoryTexts.matching(".*\\.(java|md|kvmlog|seamlog|rmilog)").stream()
        .filter(p -> !p.endsWith("SourcesTest.java"));
  }

  /** Comments as running text. */
  private static String running(String text) {
    return text.replaceAll("(?m)^\\s*(\\*|//|#) ?", "").replaceAll("\\{@code |[{}]", "");
  }

  @Test
  void eachIsOfAKindThatIsPublished() throws IOException {
    var counts = new TreeMap<String, Integer>();
    List<String> unknown = new ArrayList<>();
    for (Path file : texts().toList()) {
      Matcher m = CITES.matcher(running(RepositoryTexts.read(file)));
      while (m.find()) {
        String what = m.group("what");
        count(what, ROOT.relativize(file).toString(), counts, unknown);
      }
    }
    counts.forEach((k, n) -> System.out.println(n + " " + k));
    assertThat(unknown).isEmpty();
    assertThat(counts.values().stream().mapToInt(Integer::intValue).sum()).isGreaterThan(200);
  }

  private static void count(
      String what, String owner, Map<String, Integer> counts, List<String> bad) {
    KINDS.entrySet().stream()
        .filter(k -> k.getValue().matcher(what).find())
        .findFirst()
        .ifPresentOrElse(
            k -> counts.merge(k.getKey(), 1, Integer::sum), () -> bad.add(owner + ": " + what));
  }

  /** What {@code compare} says in words: each technology's rule for each situation. */
  @Test
  void eachRuleInWordsCitesWhatIsPublished() {
    var counts = new TreeMap<String, Integer>();
    List<String> unknown = new ArrayList<>();
    for (Technology t : Technologies.of(BACKENDS).all()) {
      VmmDriver driver = t.driver();
      for (VmmTopic topic : VmmTopic.values()) {
        VmmRule rule = driver.rule(topic);
        if (rule == null && !t.id().equals("default")) {
          unknown.add(t.id() + " has no rule for " + topic);
        } else if (rule != null) {
          count(rule.source(), t.id() + " " + topic, counts, unknown);
        }
      }
    }
    counts.forEach((k, n) -> System.out.println("in words: " + n + " " + k));
    assertThat(unknown).isEmpty();
    assertThat(counts.values().stream().mapToInt(Integer::intValue).sum()).isGreaterThan(140);
  }

  /** The kit's rules, bugs of the field, kernels' settings: {@code source = "…"} and like it. */
  @Test
  void eachRuleOfTheKitCitesWhatIsPublished() throws IOException {
    var counts = new TreeMap<String, Integer>();
    List<String> unknown = new ArrayList<>();
    Pattern source =
        Pattern.compile(
            "@Rule\\(\\s*id = \"(\\w+)\",\\s*source =\\s*\"((?:[^\"]|\"\\s*\\+\\s*\")+)\"");
    for (Path file : texts().filter(p -> p.toString().contains("/tck/src/main/")).toList()) {
      Matcher m = source.matcher(RepositoryTexts.read(file));
      while (m.find()) {
        count(m.group(2).replaceAll("\"\\s*\\+\\s*\"", ""), m.group(1), counts, unknown);
      }
    }
    counts.forEach((k, n) -> System.out.println("of the kit: " + n + " " + k));
    assertThat(unknown).isEmpty();
    assertThat(counts.values().stream().mapToInt(Integer::intValue).sum()).isGreaterThan(100);
  }

  @Test
  void noneIsSomethingThatNoReaderHas() throws IOException {
    assertThat(
            texts()
                .filter(f -> NOWHERE.matcher(RepositoryTexts.read(f)).find())
                .map(ROOT::relativize))
        .isEmpty();
  }
}
