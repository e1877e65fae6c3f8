package dev.cocovisor.cca;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.cocovisor.cca", importOptions = ArchitectureTest.MainOnly.class)
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
          .resideInAPackage("..cca.rmm..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "..cca.kvm..",
              "..cca.guest..",
              "..cca.vmm..",
              "..cca.rmilog..",
              "..cca.measure",
              "..cocovisor.core..");

  @ArchTest
  static final ArchRule theVmmKnowsNothingOfKvmsHalf =
      noClasses()
          .that()
          .resideInAnyPackage("..cca.vmm..", "..cca.guest..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..cca.kvm..");

  @ArchTest
  static final ArchRule packagesHaveNoCircles =
      slices().matching("dev.cocovisor.cca.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theMonitorIsLayered =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("granule")
          .definedBy("..cca.rmm.granule")
          .layer("page")
          .definedBy("..cca.rmm.page")
          .layer("measure")
          .definedBy("..cca.rmm.measure")
          .layer("rtt")
          .definedBy("..cca.rmm.rtt")
          .layer("call")
          .definedBy("..cca.rmm.call")
          .layer("realm")
          .definedBy("..cca.rmm.realm")
          .layer("table")
          .definedBy("..cca.rmm.table")
          .layer("op")
          .definedBy("..cca.rmm.op")
          .layer("run")
          .definedBy("..cca.rmm.run")
          .layer("rmm")
          .definedBy("dev.cocovisor.cca.rmm")
          .layer("versions")
          .definedBy("..cca.rmm.v1", "..cca.rmm.v2")
          .whereLayer("granule")
          .mayNotAccessAnyLayer()
          .whereLayer("page")
          .mayNotAccessAnyLayer()
          .whereLayer("measure")
          .mayOnlyAccessLayers("page")
          .whereLayer("rtt")
          .mayOnlyAccessLayers("granule")
          .whereLayer("call")
          .mayOnlyAccessLayers("rtt")
          .whereLayer("realm")
          .mayOnlyAccessLayers("granule", "page", "measure", "rtt", "call")
          .whereLayer("table")
          .mayOnlyAccessLayers("granule", "rtt", "call", "realm")
          .whereLayer("op")
          .mayOnlyAccessLayers("granule", "page", "rtt", "call", "realm", "table")
          .whereLayer("run")
          .mayOnlyAccessLayers("granule", "page", "measure", "rtt", "call", "realm")
          .whereLayer("rmm")
          .mayOnlyAccessLayers("granule", "call", "realm", "run");

  @ArchTest
  static final ArchRule versionsOfRmiDoNotKnowEachOther =
      slices().matching("dev.cocovisor.cca.rmm.(v*)..").should().notDependOnEachOther();
}
