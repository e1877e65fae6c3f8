package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A finding is one text file that every command follows. */
class FindingFileTest {
  private static final Path RACES =
      Path.of(System.getProperty("cocovisor.root"), "examples", "races");

  @TempDir Path dir;
  private Path saved = Path.of("");
  private String found = "";

  private static List<String> lanes(String out) {
    return out.lines().filter(l -> l.matches("  +(\\d+ .*|vcpu 1 .*)")).toList();
  }

  @BeforeEach
  void find() {
    saved = dir.resolve("finding.kvmlog");
    Ran ran =
        Ran.of("explore", "--bug", "no-retry", "--set", "core.max-vcpus=64", "--save", text(saved));
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.FOUND);
    found = ran.out();
  }

  private static String text(Path p) {
    return p.toString();
  }

  @Test
  void runFollowsItByteForByte() throws IOException {
    assertThat(Files.readString(saved))
        .contains("set=\"core.max-vcpus=64\"", "bug=\"no-retry\"", "actor(");
    Ran once = Ran.of("run", text(saved));
    assertThat(once.code()).as(once.err()).isEqualTo(ExitCode.FOUND);
    assertThat(once.out())
        .contains("  holds ", "* ", "the finding shows: 1 interruption(s)")
        .startsWith("# on sw-protected core.max-vcpus=64 with no-retry\n");
    assertThat(lanes(once.out())).hasSizeGreaterThan(5).isEqualTo(lanes(found));
    for (Stream<String> command :
        List.of(Stream.of("run", text(saved)), Stream.of("explore", text(saved)))) {
      assertThat(Ran.of(command.toArray(String[]::new)).out()).isEqualTo(once.out());
    }
  }

  @Test
  void aScheduleMayCountRowsOfDecisions() throws IOException {
    String file = Files.readString(saved);
    assertThat(file).contains("finding(\"0*22 1\"");
    Path rows =
        Files.writeString(
            dir.resolve("rows.kvmlog"),
            file.replace("finding(\"0*22 1\"", "finding(\"0*2 (0 0*2)*6 0*2 1\""));
    Ran ran = Ran.of("run", text(rows));
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out().replace("rows.kvmlog", "finding.kvmlog"))
        .isEqualTo(Ran.of("run", text(saved)).out());
  }

  @Test
  void aFindingThatShowsNoMoreIsSaidToAndIsClean() throws IOException {
    Path mended =
        Files.writeString(
            dir.resolve("mended.kvmlog"),
            Files.readString(saved).replace("bug=\"no-retry\", ", ""));
    Ran ran = Ran.of("run", text(mended));
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.out()).contains("said       ", "the finding does not show any more");
  }

  @Test
  void whatElseBreaksIsToldFromWhatWasSaved() throws IOException {
    Path other =
        Files.writeString(
            dir.resolve("other.kvmlog"),
            Files.readString(saved).replaceAll("breaks=\"[^\"]*", "breaks=\"the moon"));
    Ran ran = Ran.of("run", text(other));
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out()).contains("something else breaks than the finding says");
  }

  @Test
  void aFixIsTriedOnTheSameOrderAndOnEveryOther() {
    Ran mends = Ran.of("explore", text(saved), "--fix", "without-bug", "--bound", "1");
    assertThat(mends.out())
        .contains("under sw-protected core.max-vcpus=64 without no-retry")
        .contains("  this order     nothing breaks\n", "exhaustive (bound 1)", "\nmends it\n");
    assertThat(mends.code()).as(mends.err()).isEqualTo(ExitCode.CLEAN);
    Ran not = Ran.of("explore", text(saved), "--fix", "core.max-vcpus=32", "--bound", "1");
    assertThat(not.out())
        .contains("under sw-protected core.max-vcpus=32 with no-retry")
        .contains("  this order     breaks alike\n", "\ndoes not mend it\n");
    assertThat(not.code()).isEqualTo(ExitCode.FOUND);
  }

  @Test
  void theFindingInTheDocumentationIsTheOneOfTheExample() throws IOException {
    Path root = Path.of(System.getProperty("cocovisor.root"));
    Path example = root.resolve("examples/findings/no-retry.kvmlog");
    String page = Files.readString(root.resolve("docs/exploring.md"));
    assertThat(page).contains(Files.readString(example));
    Ran ran = Ran.of("run", text(example));
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.FOUND);
    assertThat(page)
        .contains(ran.out().replace(text(example), "examples/findings/no-retry.kvmlog"));
  }

  @Test
  void wordsThatAreNoFixAreRefused() {
    String race = RACES.resolve("fault-and-punch.kvmlog").toString();
    for (String fix : List.of("core.max-vcpu=1", "tdy", "bug=M0")) {
      Ran ran = Ran.of("explore", text(saved), "--fix", fix);
      assertThat(ran.code()).as(fix).isEqualTo(ExitCode.USAGE);
      assertThat(ran.err()).as(fix).isNotBlank();
    }
    Ran ran = Ran.of("explore", race, "--save", text(saved));
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("--force");
  }
}
