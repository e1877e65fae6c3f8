package dev.cocovisor.snp;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

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

  /** The RMP at the bottom, firmware and guests on it, measurements on the firmware's digest. */
  @ArchTest
  static final ArchRule LAYERS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("rmp")
          .definedBy("dev.cocovisor.snp.rmp..")
          .layer("psp")
          .definedBy("dev.cocovisor.snp.psp..")
          .layer("guest")
          .definedBy("dev.cocovisor.snp.guest..")
          .layer("measure")
          .definedBy("dev.cocovisor.snp.measure..")
          .layer("vmm")
          .definedBy("dev.cocovisor.snp.vmm..")
          .layer("kvm")
          .definedBy("dev.cocovisor.snp.kvm..")
          .whereLayer("kvm")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("vmm")
          .mayOnlyBeAccessedByLayers("kvm")
          .whereLayer("measure")
          .mayOnlyBeAccessedByLayers("kvm")
          .whereLayer("guest")
          .mayOnlyBeAccessedByLayers("kvm", "vmm")
          .whereLayer("psp")
          .mayOnlyBeAccessedByLayers("kvm", "measure")
          .whereLayer("rmp")
          .mayOnlyBeAccessedByLayers("kvm", "psp", "guest", "vmm");

  @ArchTest
  static final ArchRule NO_CIRCLES =
      slices().matching("dev.cocovisor.snp.(*)..").should().beFreeOfCycles();

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
