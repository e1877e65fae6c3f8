package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.cli.plugin.ProjectTemplate;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.Tally;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the kit says of three that it must not mistake: the untouched skeleton, a backend that
 * isolates nothing, and a technology one of whose calls is broken. docs/tck-reports.md has the
 * reports; {@code -Dcocovisor.rewrite=true} writes them anew.
 */
@Tag("slow")
class KitReportsTest {
  private static final Path PAGE =
      Path.of(System.getProperty("cocovisor.root"), "docs", "tck-reports.md");

  @TempDir Path folder;

  /** Private memory that nothing keeps anybody from. */
  private static final class Bare implements Backend {
    static final VmType TYPE = new VmType("KVM_X86_BARE_VM", 77, Architecture.X86_64);

    @Override
    public BackendInfo info() {
      return BackendInfo.builder("bare", Architecture.X86_64)
          .version("1.0.0")
          .description("isolates nothing")
          .vmTypes(TYPE)
          .build();
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      return (vm, type) ->
          new VmOps() {
            @Override
            public VmTraits traits() {
              return VmTraits.SW_PROTECTED;
            }
          };
    }

    @Override
    public VmmDriver vmm() {
      return new VmmDriver() {
        @Override
        public long vmType() {
          return TYPE.number();
        }

        @Override
        public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
          return -Errno.EOPNOTSUPP.number();
        }
      };
    }
  }

  /** TDX whose module refuses every DEMOTE. */
  private static final class NoDemote extends ForwardingBackend {
    NoDemote() {
      super(new TdxBackend());
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      Platform made = super.createPlatform(host);
      Errno planned =
          made.plan(
              TrustedFault.ofCall(
                  "TDH.MEM.PAGE.DEMOTE", TrustedFault.How.REFUSED, Integer.MAX_VALUE));
      assertThat(planned).isEqualTo(Errno.OK);
      return made;
    }
  }

  private record Report(String text, Tally tally, List<String> failed) {
    static Report of(JudgedBackend subject) {
      List<RuleResult> results = TckRun.run(subject);
      StringBuilder text = new StringBuilder("```\n");
      Tally.head(subject).forEach(l -> text.append(l).append('\n'));
      for (RuleResult r : results) {
        text.append("  %s  %-8s  %s\n".formatted(r.id(), r.outcome().word(), r.name()));
        if (!r.message().isEmpty()) {
          text.append("                 ").append(oneLine(r.message())).append('\n');
        }
      }
      text.append(Tally.of(results)).append("\n```\n");
      return new Report(
          text.toString(),
          Tally.of(results),
          results.stream()
              .filter(r -> r.outcome() == RuleResult.Outcome.FAILED)
              .map(RuleResult::id)
              .toList());
    }

    private static String oneLine(String message) {
      return message.strip().replaceAll("\\s*\\n\\s*", "; ");
    }
  }

  @Test
  void theReportsAreThoseOnThePage() throws Exception {
    Report skeleton = Report.of(skeleton());
    assertThat(skeleton.tally().failed()).isZero();
    assertThat(skeleton.tally().unjudged()).isZero();
    assertThat(skeleton.text()).doesNotContain("NOT CONFIDENTIAL");

    Report silent = Report.of(JudgedBackend.of(new Bare()));
    assertThat(silent.failed()).contains("S01", "S02", "S03", "S04", "S11", "S12", "O05", "S10");

    Set<Behaviour> offers =
        EnumSet.of(
            Behaviour.PRE_FAULT,
            Behaviour.PRE_FAULT_BEFORE_FINALIZE,
            Behaviour.RUN_BEFORE_FINALIZE,
            Behaviour.FIRST_RUN_ENDS_LAUNCH,
            Behaviour.CONVERT,
            Behaviour.PUNCH,
            Behaviour.HUGE_PRIVATE,
            Behaviour.GUEST_MEMFD);
    Report bare = Report.of(new JudgedBackend(new Bare(), offers).withClaims(Set.of()));
    assertThat(bare.failed()).isEmpty();
    assertThat(bare.text()).contains("  claims: nothing\n", "NOT CONFIDENTIAL: it does not claim");
    assertThat(bare.tally().unjudged()).isGreaterThan(10);

    JudgedBackend noDemote = JudgedBackend.of(new NoDemote(), TdxBackend.class.getClassLoader());
    Report huge = Report.of(noDemote.withSettings(Map.of("tdx.page-size-policy", "v3")));
    assertThat(huge.failed()).contains("H02", "H03", "H04");

    String page =
        """
        # Reports of the kit

        What `cocovisor tck` says of three that it must not mistake. `KitReportsTest` runs them and holds this page;
        `-Dcocovisor.rewrite=true` writes it anew.

        ## The untouched skeleton of `plugins new`

        It owns pages: what a confidential technology has to claim is claimed and shown.

        %s
        ## A backend that isolates nothing

        Its private memory is ordinary memory, its guard allows everything. Without a declaration it is held to every claim of
        a confidential technology.

        %s
        The same, with a `tck.properties` that offers what it has and claims nothing: the head of the report says so, and the
        rules that would show the claims judge nothing, which is exit code 4.

        %s
        ## TDX whose module refuses every TDH.MEM.PAGE.DEMOTE

        Page size policy v3, with huge private pages. (With 4 KiB pages no call of the kit splits anything; `--matrix` judges
        every policy.)

        %s\
        """
            .formatted(skeleton.text(), silent.text(), bare.text(), huge.text());
    if (Boolean.getBoolean("cocovisor.rewrite")) {
      Files.writeString(PAGE, page);
      return;
    }
    assertThat(page)
        .as("%s; -Dcocovisor.rewrite=true writes it anew", PAGE)
        .isEqualTo(Files.readString(PAGE));
  }

  /** Writes the project and compiles it, without Maven. */
  private JudgedBackend skeleton() throws IOException, ReflectiveOperationException {
    Path project = folder.resolve("my-vendor");
    new ProjectTemplate("my-vendor").writeFiles(project);
    Path classes = Files.createDirectories(folder.resolve("classes"));
    List<String> command;
    try (Stream<Path> sources = Files.walk(project.resolve("src/main/java"))) {
      command =
          Stream.concat(
                  Stream.of(
                      "-d",
                      classes.toString(),
                      "-proc:none",
                      "-cp",
                      System.getProperty("java.class.path")),
                  sources.map(Path::toString).filter(f -> f.endsWith(".java")))
              .toList();
    }
    int code =
        ToolProvider.getSystemJavaCompiler().run(null, null, null, command.toArray(String[]::new));
    assertThat(code).as("the compiler").isZero();
    // It stays open: the backend loads from it while it is judged.
    var loader =
        new URLClassLoader(
            new URL[] {
              classes.toUri().toURL(), project.resolve("src/main/resources").toUri().toURL()
            },
            getClass().getClassLoader());
    Backend made =
        (Backend)
            loader.loadClass("com.example.myvendor.MyVendorBackend").getConstructor().newInstance();
    return JudgedBackend.of(made, loader);
  }
}
