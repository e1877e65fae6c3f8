package dev.cocovisor.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.properties.CanBeAnnotated;
import com.tngtech.archunit.core.domain.properties.HasAnnotations;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apiguardian.api.API;

/** The arrows of the house, over every module: the command line sees them all on its class path. */
@AnalyzeClasses(packages = "dev.cocovisor", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String[] MODEL = {
    "dev.cocovisor.api..",
    "dev.cocovisor.core..",
    "dev.cocovisor.tdx..",
    "dev.cocovisor.snp..",
    "dev.cocovisor.pkvm..",
    "dev.cocovisor.cca.."
  };

  private static final Pattern VENDOR = Pattern.compile("^dev\\.cocovisor\\.(tdx|snp|pkvm|cca)\\.");

  private static final DescribedPredicate<CanBeAnnotated> INTERNAL_API =
      DescribedPredicate.describe(
          "internal to the api",
          e ->
              e instanceof HasAnnotations<?> h
                  && h.tryGetAnnotationOfType(API.class)
                      .map(a -> a.status() == API.Status.INTERNAL)
                      .orElse(false));

  @ArchTest static final ArchRule apiDependsOnNothing = onlyDependsOn("dev.cocovisor.api..");

  @ArchTest
  static final ArchRule coreDependsOnApi =
      onlyDependsOn("dev.cocovisor.core..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule vmmDependsOnTheKernel =
      onlyDependsOn("dev.cocovisor.vmm..", "dev.cocovisor.core..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule scriptDependsOnTheGuestAndTheKernel =
      onlyDependsOn(
          "dev.cocovisor.script..",
          "dev.cocovisor.vmm..",
          "dev.cocovisor.core..",
          "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule tdxDependsOnApi =
      onlyDependsOn("dev.cocovisor.tdx..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule snpDependsOnApi =
      onlyDependsOn("dev.cocovisor.snp..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule pkvmDependsOnApi =
      onlyDependsOn("dev.cocovisor.pkvm..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule ccaDependsOnApi =
      onlyDependsOn("dev.cocovisor.cca..", "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule trustedHalvesDoNotKnowTheKvmHalf =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.cocovisor.tdx.module..",
              "dev.cocovisor.snp.rmp..",
              "dev.cocovisor.snp.psp..",
              "dev.cocovisor.pkvm.hyp..",
              "dev.cocovisor.cca.rmm..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.cocovisor.*.kvm..", "dev.cocovisor.*.guest..", "dev.cocovisor.api.ops..");

  @ArchTest
  static final ArchRule hostKnowsTheGuestAndNothingAboveOrBesideIt =
      noClasses()
          .that()
          .resideInAPackage("dev.cocovisor.host..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.cocovisor.cli..",
              "dev.cocovisor.script..",
              "dev.cocovisor.tck..",
              "dev.cocovisor.tdx..",
              "dev.cocovisor.snp..",
              "dev.cocovisor.pkvm..",
              "dev.cocovisor.cca..");

  @ArchTest
  static final ArchRule theExplorerKnowsScenariosAndNoBackend =
      onlyDependsOn(
          "dev.cocovisor.explore..",
          "dev.cocovisor.script..",
          "dev.cocovisor.vmm..",
          "dev.cocovisor.core..",
          "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule theBugsStandOnTheExplorerAndKnowTheBackends =
      onlyDependsOn(
          "dev.cocovisor.bugs..",
          "dev.cocovisor.explore..",
          "dev.cocovisor.script..",
          "dev.cocovisor.vmm..",
          "dev.cocovisor.core..",
          "dev.cocovisor.tdx..",
          "dev.cocovisor.snp..",
          "dev.cocovisor.pkvm..",
          "dev.cocovisor.cca..",
          "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule nobodyButCampaignsAndTheCommandLineKnowTheBugs =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.cocovisor.bugs..", "dev.cocovisor.campaign..", "dev.cocovisor.cli..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.cocovisor.bugs..");

  @ArchTest
  static final ArchRule reportsKnowWhatARunSaysAndNotTheModel =
      onlyDependsOn(
          "dev.cocovisor.report..", "dev.cocovisor.api..", "tools.jackson..", "jdk.jfr..");

  @ArchTest
  static final ArchRule theLiveMachineKnowsLogsAndNoBackend =
      onlyDependsOn(
          "dev.cocovisor.live..",
          "dev.cocovisor.script..",
          "dev.cocovisor.vmm..",
          "dev.cocovisor.core..",
          "dev.cocovisor.api..");

  @ArchTest
  static final ArchRule onlyTheLoadingOfPluginsKnowsPf4j =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.cocovisor.host.load..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.pf4j..");

  @ArchTest
  static final ArchRule theJunitExtensionKnowsTheHostAndNoBackend =
      noClasses()
          .that()
          .resideInAPackage("dev.cocovisor.junit..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.cocovisor.cli..",
              "dev.cocovisor.tck..",
              "dev.cocovisor.tdx..",
              "dev.cocovisor.snp..",
              "dev.cocovisor.pkvm..",
              "dev.cocovisor.cca..",
              "com.google.inject..",
              "org.pf4j..");

  @ArchTest
  static final ArchRule nobodyInTheHouseNeedsTheJunitExtension =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.cocovisor.junit..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.cocovisor.junit..");

  @ArchTest
  static final ArchRule onePackageOwnsLocking =
      noClasses()
          .that()
          .resideInAnyPackage(MODEL)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("java.util.concurrent.locks..");

  @ArchTest
  static final ArchRule nothingIsSynchronized =
      methods()
          .that()
          .areDeclaredInClassesThat()
          .resideInAnyPackage(MODEL)
          .should()
          .notHaveModifier(JavaModifier.SYNCHRONIZED);

  @ArchTest
  static final ArchRule nothingReadsAClockOrRandomSource =
      noClasses()
          .that()
          .resideInAnyPackage(MODEL)
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.util.Random")
          .orShould()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.util.concurrent.ThreadLocalRandom");

  @ArchTest
  static final ArchRule growingRecordsAreNotMadeByPosition =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.cocovisor.api..")
          .should()
          .callCodeUnitWhere(
              DescribedPredicate.describe(
                  "a constructor internal to the api is called",
                  c -> c.getTarget().resolveMember().map(INTERNAL_API::test).orElse(false)));

  /**
   * No package needs, around however many corners, one that needs it. The root of the api is told
   * apart: it holds the words that every contract uses (Errno, Fields, PageLevel) and the entry
   * that names them all.
   */
  @ArchTest
  static final ArchRule packagesFormNoCircles =
      slices()
          .matching("dev.cocovisor.(**)")
          .should()
          .beFreeOfCycles()
          .ignoreDependency(
              resideInAPackage("dev.cocovisor.."), resideInAPackage("dev.cocovisor.api"));

  /**
   * A reader who greps for a class finds one thing. What two trusted halves call alike, because
   * their documents do (a page's type, a guest's calls), may stand in both.
   */
  @ArchTest
  static void noNameOfTheHouseStandsForTwoThings(JavaClasses house) {
    Map<String, List<String>> places = new TreeMap<>();
    for (JavaClass c : house) {
      if (c.isTopLevelClass() && !c.getSimpleName().equals("package-info")) {
        places.computeIfAbsent(c.getSimpleName(), n -> new ArrayList<>()).add(c.getName());
      }
    }
    places.values().removeIf(p -> p.size() < 2 || p.stream().allMatch(VENDOR.asPredicate()));
    assertThat(places).isEmpty();
  }

  private static ArchRule onlyDependsOn(String own, String... others) {
    String[] allowed = new String[others.length + 4];
    allowed[0] = own;
    allowed[1] = "java..";
    allowed[2] = "org.jspecify..";
    allowed[3] = "org.apiguardian.api..";
    System.arraycopy(others, 0, allowed, 4, others.length);
    return classes()
        .that()
        .resideInAPackage(own)
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(allowed);
  }
}
