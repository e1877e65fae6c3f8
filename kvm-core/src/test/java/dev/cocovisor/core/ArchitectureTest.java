package dev.cocovisor.core;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
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

/** The kernel's rooms and which way their doors open. */
@AnalyzeClasses(packages = "dev.cocovisor.core", importOptions = ArchitectureTest.MainOnly.class)
class ArchitectureTest {
  /** What code, not comments, of the kernel must not say: it knows hooks and traits only. */
  private static final Pattern VENDOR_WORD =
      Pattern.compile("(?i)\\b(tdx|sev|snp|pkvm|cca|rmp|seamcall|realm|rmm|psp)\\b");

  /** Keeps to the main classes, wherever the test classes were compiled to. */
  static final class MainOnly implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("/test");
    }
  }

  @ArchTest
  static final ArchRule noPackageKnowsOneThatKnowsIt =
      slices().matching("dev.cocovisor.core.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theRootKnowsNoProcess =
      noClasses()
          .that()
          .resideInAPackage("dev.cocovisor.core")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.cocovisor.core.host..");

  @ArchTest
  static final ArchRule roomsBelowTheVmDoNotKnowIt =
      noClasses()
          .that()
          .resideInAnyPackage("..core.mem..", "..core.gmem..", "..core.slot..", "..core.mmu..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..core.vm..", "..core.host..", "dev.cocovisor.core");

  @ArchTest
  static final ArchRule nobodyReadsTheClockOrDiceOrLocksWithTheJdk =
      noClasses()
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.util.Random")
          .orShould()
          .dependOnClassesThat()
          .resideInAPackage("java.util.concurrent.locks..")
          .orShould()
          .dependOnClassesThat()
          .resideInAPackage("java.time..");

  @Test
  void codeOfTheKernelSaysNoVendorsWord() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
      List<String> said =
          files
              .filter(p -> p.toString().endsWith(".java"))
              .flatMap(p -> code(p).filter(l -> VENDOR_WORD.matcher(l).find()).map(l -> p + l))
              .toList();
      assertThat(said).isEmpty();
    }
  }

  /** Lines without comments: a comment may name who makes a rule necessary, and its source. */
  private static Stream<String> code(Path file) {
    try {
      String text = Files.readString(file);
      return Pattern.compile("/\\*.*?\\*/|//[^\n]*", Pattern.DOTALL)
          .matcher(text)
          .replaceAll("")
          .lines();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
