package dev.cocovisor.pkvm;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The trusted half stands alone, and nothing here knows the core or another backend. */
@AnalyzeClasses(
    packages = "dev.cocovisor.pkvm",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule THE_HYPERVISOR_DOES_NOT_KNOW_KVM =
      noClasses()
          .that()
          .resideInAPackage("..pkvm.hyp..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..pkvm.kvm..", "..pkvm.guest..", "..pkvm.vmm..");

  @ArchTest
  static final ArchRule NOBODY_KNOWS_THE_CORE_OR_ANOTHER_BACKEND =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.cocovisor.core..",
              "dev.cocovisor.tdx..",
              "dev.cocovisor.snp..",
              "dev.cocovisor.cca..");

  @ArchTest
  static final ArchRule NOTHING_BLOCKS_ON_THE_JDK =
      noClasses().should().dependOnClassesThat().resideInAPackage("java.util.concurrent.locks..");
}
