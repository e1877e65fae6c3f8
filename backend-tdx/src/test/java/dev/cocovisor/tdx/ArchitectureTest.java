package dev.cocovisor.tdx;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

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
      return !location.contains("/test-");
    }
  }

  @ArchTest
  static final ArchRule theTrustedHalfKnowsNothingOfKvm =
      noClasses()
          .that()
          .resideInAPackage("..tdx.module..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..tdx.kvm..", "..tdx.guest..", "..tdx.vmm..", "..cocovisor.core..");

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
