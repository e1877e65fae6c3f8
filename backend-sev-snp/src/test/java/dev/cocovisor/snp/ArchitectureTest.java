package dev.cocovisor.snp;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Hardware and firmware know nothing of KVM, and nothing here reads clocks or chance. */
@AnalyzeClasses(
    packages = "dev.cocovisor.snp",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule TRUSTED_HALF_STANDS_ALONE =
      noClasses()
          .that()
          .resideInAnyPackage("dev.cocovisor.snp.rmp..", "dev.cocovisor.snp.psp..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.cocovisor.snp.kvm..", "dev.cocovisor.snp.guest..");

  @ArchTest
  static final ArchRule HARDWARE_KNOWS_NO_FIRMWARE =
      noClasses()
          .that()
          .resideInAPackage("dev.cocovisor.snp.rmp..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.cocovisor.snp.psp..");

  @ArchTest
  static final ArchRule NO_CORE =
      noClasses().should().dependOnClassesThat().resideInAnyPackage("dev.cocovisor.core..");

  @ArchTest
  static final ArchRule NO_CHANCE_NO_CLOCK =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.cocovisor.snp.rmp..", "dev.cocovisor.snp.psp..", "dev.cocovisor.snp.kvm..")
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.util.Random")
          .orShould()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis");
}
