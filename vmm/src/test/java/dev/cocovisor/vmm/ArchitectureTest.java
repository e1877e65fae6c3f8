package dev.cocovisor.vmm;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rooms of the module, and that no vendor's word is spoken in them. */
@AnalyzeClasses(packages = "dev.cocovisor.vmm", importOptions = ArchitectureTest.MainOnly.class)
class ArchitectureTest {
  private static final Pattern VENDOR_WORD =
      Pattern.compile("(?i)\\b(tdx|sev|snp|pkvm|cca|cove|rmp|seamcall|realm|rmm|psp)\\b");

  private static final Pattern REGISTER =
      Pattern.compile("\"(status|rax|eax|x0|x1|a0|r10|exitinfo[12]|ghcb_msr)\"");

  /** Comments, and the texts that cite where a rule comes from. */
  private static final Pattern CITED =
      Pattern.compile(
          "(?s)/\\*.*?\\*/|//[^\n]*|@Rule\\(.*?\\)\\s*default|rule\\(\\s*\"[^;]*?\\);|"
              + "new VmmRule\\([^;]*;");

  /** Keeps to the main classes, wherever the test classes were compiled to. */
  static final class MainOnly implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("/test");
    }
  }

  @ArchTest
  static final ArchRule noRoomKnowsOneThatKnowsIt =
      slices().matching("dev.cocovisor.vmm.(**)").should().beFreeOfCycles();

  @Test
  void codeSaysNoVendorsWordAndReadsNoRegister() throws IOException {
    assertThat(lines(VENDOR_WORD)).isEmpty();
    assertThat(lines(REGISTER)).isEmpty();
  }

  private static List<String> lines(Pattern word) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
      return files
          .filter(p -> p.toString().endsWith(".java"))
          .flatMap(p -> code(p).filter(l -> word.matcher(l).find()).map(l -> p + ": " + l.strip()))
          .toList();
    }
  }

  private static Stream<String> code(Path file) {
    try {
      return CITED.matcher(Files.readString(file)).replaceAll("").lines();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
