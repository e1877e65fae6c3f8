package dev.cocovisor.tdx;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.cocovisor.tdx", importOptions = ArchitectureTest.MainOnly.class)
class ArchitectureTest {
  /** Keeps to the main classes, wherever the test classes were compiled to. */
  static final class MainOnly implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("/test-") && !location.contains("/test/");
    }
  }

  @ArchTest
  static final ArchRule theTrustedHalfKnowsNothingOfKvm =
      noClasses()
          .that()
          .resideInAPackage("..tdx.module..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "..tdx.kvm..",
              "..tdx.guest..",
              "..tdx.vmm..",
              "..tdx.seamlog..",
              "..tdx.measure..",
              "..cocovisor.core..");

  @ArchTest
  static final ArchRule packagesHaveNoCircles =
      slices().matching("dev.cocovisor.tdx.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theModuleIsLayered =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("abi")
          .definedBy("..tdx.module.abi")
          .layer("pamt")
          .definedBy("..tdx.module.pamt")
          .layer("sept")
          .definedBy("..tdx.module.sept")
          .layer("td")
          .definedBy("..tdx.module.td")
          .layer("keys")
          .definedBy("..tdx.module.keys")
          .layer("call")
          .definedBy("..tdx.module.call")
          .layer("module")
          .definedBy("dev.cocovisor.tdx.module")
          .whereLayer("abi")
          .mayNotAccessAnyLayer()
          .whereLayer("pamt")
          .mayNotAccessAnyLayer()
          .whereLayer("sept")
          .mayNotAccessAnyLayer()
          .whereLayer("td")
          .mayOnlyAccessLayers("abi", "pamt", "sept")
          .whereLayer("keys")
          .mayOnlyAccessLayers("abi")
          .whereLayer("call")
          .mayOnlyAccessLayers("abi", "pamt", "sept", "td", "keys");

  @ArchTest
  static final ArchRule theLogReplayerDrivesTheTrustedHalfAlone =
      noClasses()
          .that()
          .resideInAPackage("..tdx.seamlog..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..tdx.kvm..", "..cocovisor.core..");

  @ArchTest
  static final ArchRule theBackendDependsOnContractsOnly =
      noClasses().should().dependOnClassesThat().resideInAPackage("..cocovisor.core..");

  @ArchTest
  static final ArchRule nobodyReadsTheClockOrDice =
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
}
