package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Quoting;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the command prints, where, and with which exit code. */
class CommandTest {
  private static final String CLEAN =
      """
      # program 4
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      fallocate(-1, 0, 0x200000, 0x1000) = -1 EBADF
      """;

  @TempDir Path dir;

  private String file(String name, String text) throws IOException {
    return Files.writeString(dir.resolve(name), text).toString();
  }

  @Test
  void aLogThatHoldsIsCleanAndSummedUp() throws IOException {
    Ran ran = Ran.of("replay", file("a.kvmlog", CLEAN));
    assertThat(ran.out()).isEqualTo("programs=1 calls=2 mismatches=0\n");
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.err()).isEmpty();
  }

  @Test
  void generatedProgramsAreCheckedAfterEveryCallAndReplay() throws IOException {
    String log = dir.resolve("made.kvmlog.gz").toString();
    Ran made = Ran.of("generate", log, "--programs", "20", "--seed", "4", "--length", "30");
    assertThat(made.out())
        .matches("programs=20 calls=\\d+ checks=\\d+ violations=0 log=\\Q" + log + "\\E\n");
    assertThat(made.code()).isEqualTo(ExitCode.CLEAN);
    Ran replayed = Ran.of("replay", log);
    assertThat(replayed.out()).startsWith("programs=20 calls=").endsWith(" mismatches=0\n");
    String one = dir.resolve("one.kvmlog").toString();
    Ran.of("generate", one, "--programs", "1", "--first", "7", "--seed", "4", "--length", "30");
    assertThat(Files.readString(Path.of(one))).contains("# program 7\n");
    assertThat(Ran.of("generate", one, "--programs", "0").code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void anotherAnswerIsNamedWithTheCommandThatReproducesIt() throws IOException {
    String log = file("a.kvmlog", CLEAN.replace("EBADF", "EINVAL"));
    Ran ran = Ran.of("replay", log);
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out())
        .isEqualTo(
            log
                + """
                :3: program 4
                  call       fallocate(-1, 0, 0x200000, 0x1000)
                  expected   -1 EINVAL
                  got        -1 EBADF
                  reproduce  ./cocovisor replay %s --program 4
                programs=1 calls=2 mismatches=1
                """
                    .formatted(log));
  }

  @Test
  void mismatchesAreOneVersionedDocumentInJson() throws IOException {
    String log = file("a.kvmlog", CLEAN.replace("EBADF", "EINVAL"));
    Ran ran = Ran.of("replay", "--json", log);
    JsonNode doc = JsonMapper.shared().readTree(ran.out());
    assertThat(doc.get("format").asString()).isEqualTo("cocovisor.replay");
    assertThat(doc.get("version").asInt()).isEqualTo(1);
    assertThat(doc.get("mismatches").asInt()).isEqualTo(1);
    assertThat(doc.get("found").get(0).get("line").asInt()).isEqualTo(3);
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
  }

  @Test
  void mismatchesAreCountedByKind() throws IOException {
    String bad = CLEAN.replace("EBADF", "EINVAL");
    Ran ran = Ran.of("replay", "--group", file("a.kvmlog", bad), file("b.kvmlog", bad));
    assertThat(ran.out())
        .startsWith("     2  fallocate(N, N, N, N): expected N EINVAL, got N EBADF\n");
  }

  @Test
  void replayStopsAfterTheGivenNumberOfMismatches() throws IOException {
    String bad = CLEAN.replace("EBADF", "EINVAL").replace("= 3", "= -1 EPERM");
    Ran ran = Ran.of("replay", "--max-mismatches", "1", file("a.kvmlog", bad));
    assertThat(ran.out()).endsWith("mismatches=1\n");
    assertThat(ran.err()).contains("stopped after 1 mismatches");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
  }

  @Test
  void aSyntaxErrorNamesItsPlace() throws IOException {
    String log = file("a.kvmlog", CLEAN.replace("0x1000)", "0x1000"));
    Ran ran = Ran.of("replay", log);
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).isEqualTo("cocovisor: " + log + ":3:35: '=', expected ')'\n");
    assertThat(ran.out()).isEmpty();
  }

  @Test
  void anUnknownCallIsNamedCountedAndLeftOut() throws IOException {
    String log = file("a.kvmlog", "fallocat(1) = 0\n" + CLEAN);
    Ran ran = Ran.of("replay", log);
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.err()).isEqualTo(log + ":1:1: no step 'fallocat': did you mean fallocate?\n");
    assertThat(ran.out()).endsWith(" mismatches=0 unknown=1\n");
  }

  @Test
  void strictRefusesAnUnknownCall() throws IOException {
    String log = file("a.kvmlog", "fallocat(1) = 0\n");
    assertThat(Ran.of("replay", "--strict", log))
        .isEqualTo(
            new Ran(
                ExitCode.USAGE,
                "",
                "cocovisor: " + log + ":1:1: no step 'fallocat': did you mean fallocate?\n"));
  }

  @Test
  void whatCannotBeReadIsAUsageError() throws IOException {
    assertThat(Ran.of("replay", "nowhere.kvmlog"))
        .isEqualTo(new Ran(2, "", "cocovisor: nowhere.kvmlog: no such file\n"));
    String log = file("a.txt", CLEAN);
    Ran ran = Ran.of("replay", log);
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("no log format 'txt': there are kvmlog, ");
    assertThat(Ran.of("replay").code()).isEqualTo(ExitCode.USAGE);
    assertThat(Ran.of("replay", "--nonsense").code()).isEqualTo(ExitCode.USAGE);
    assertThat(Ran.of("nonsense").code()).isEqualTo(ExitCode.USAGE);
    assertThat(Ran.of().code()).isEqualTo(ExitCode.USAGE);
    assertThat(Ran.of("replay", "--program", "77", file("b.kvmlog", CLEAN)).err())
        .contains("no log has a program 77");
  }

  @Test
  void helpAndVersionAreClean() {
    assertThat(Ran.of("--help").out()).contains("replay").contains("Exit codes");
    assertThat(Ran.of("--help").code()).isEqualTo(ExitCode.CLEAN);
    assertThat(Ran.of("--version").out()).startsWith("cocovisor ");
    assertThat(Ran.of("replay", "--help").code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aScenarioNeedsNoResultsAndAWrittenOneIsAnExpectation() throws IOException {
    String text = "# Opens.\nopenat(AT_FDCWD, \"/dev/kvm\", O_RDWR)\nfallocate(-1, 0, 0, 4096)\n";
    Ran ran = Ran.of("run", file("a.kvmlog", text));
    assertThat(ran.out())
        .isEqualTo(
            """
            openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
            fallocate(-1, 0, 0, 4096) = -1 EBADF
            calls=2 unmet=0
            """);
    String log = file("b.kvmlog", text.replace("4096)", "4096) = 0"));
    ran = Ran.of("run", log);
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out())
        .contains(log + ":3: not as expected\n  expected   0\n  got        -1 EBADF\n");
  }

  @Test
  void aSavedRunReplays() throws IOException {
    Path saved = dir.resolve("saved.kvmlog");
    Ran ran = Ran.of("run", file("a.kvmlog", CLEAN), "--save", saved.toString());
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(Ran.of("replay", saved.toString()).out())
        .isEqualTo("programs=1 calls=2 mismatches=0\n");
  }

  @Test
  void anUnknownBackendIsRefusedWithThoseThereAre() throws IOException {
    Ran ran = Ran.of("run", file("a.kvmlog", CLEAN), "--backend", "sgx");
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).startsWith("cocovisor: there is no technology 'sgx'; there are ");
    assertThat(Ran.of("run", "nowhere.kvmlog").err())
        .isEqualTo("cocovisor: nowhere.kvmlog: no such file\n");
  }

  @Test
  void colorIsLeftOutWhenAskedOrWhenNobodyLooks() {
    var stream = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
    assertThat(Console.of(stream, stream, _ -> null).color()).isFalse();
    assertThat(Console.of(stream, stream, v -> v.equals("NO_COLOR") ? "1" : null).color())
        .isFalse();
    assertThat(new Console(stream, stream, true, true).red("x")).isEqualTo("\033[31mx\033[0m");
  }

  @Test
  void wordsAreQuotedForTheShell() {
    assertThat(Quoting.command("replay", "a b.kvmlog", "it's"))
        .isEqualTo("./cocovisor replay 'a b.kvmlog' 'it'\\''s'");
    assertThat(List.of(Quoting.word("a/b.kvmlog.gz"))).containsExactly("a/b.kvmlog.gz");
  }
}
