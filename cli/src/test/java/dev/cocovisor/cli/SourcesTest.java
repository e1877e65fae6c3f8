package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
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
    kind("QEMU, EDK2, strace and other programs", "QEMU|EDK2|OVMF|strace|pc_system_");
    kind(
        "Linux: file and function",
        "\\b(arch|virt|mm|fs|include|drivers|kernel|tools|Documentation|lib)/[\\w./{}*-]+"
            + "|\\b[a-z][a-z0-9_]*\\.[chS]\\b|\\b_*[a-z0-9]+_[a-z0-9_]+\\b|kvm->arch");
  }

  /** What no reader has. */
  private static final Pattern NOWHERE =
      Pattern.compile("background seed|\\.\\./shared|\\bENGINEERING\\.md|\\bfacts/|\\bDESIGN\\.md");

  private static void kind(String name, String pattern) {
    KINDS.put(name, Pattern.compile(pattern));
  }

  private static Stream<Path> texts() throws IOException {
    try (Stream<Path> all = Files.walk(ROOT)) {
      return all
          .filter(p -> p.toString().matches(".*\\.(java|md|kvmlog|seamlog|rmilog)"))
          .filter(
              p -> !ROOT.relativize(p).toString().matches("(.*/)?(target|node_modules|\\.git)/.*"))
          .filter(p -> !p.endsWith("SourcesTest.java"))
          .toList()
          .stream();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
      Matcher m = CITES.matcher(running(read(file)));
      while (m.find()) {
        String what = m.group("what");
        KINDS.entrySet().stream()
            .filter(k -> k.getValue().matcher(what).find())
            .findFirst()
            .ifPresentOrElse(
                k -> counts.merge(k.getKey(), 1, Integer::sum),
                () -> unknown.add(ROOT.relativize(file) + ": " + what));
      }
    }
    counts.forEach((k, n) -> System.out.println(n + " " + k));
    assertThat(unknown).isEmpty();
    assertThat(counts.values().stream().mapToInt(Integer::intValue).sum()).isGreaterThan(200);
  }

  @Test
  void noneIsSomethingThatNoReaderHas() throws IOException {
    assertThat(texts().filter(f -> NOWHERE.matcher(read(f)).find()).map(ROOT::relativize))
        .isEmpty();
  }
}
