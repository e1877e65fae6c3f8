package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A vendor's first hour: a project is written, built by Maven with whatever JDK the shell has,
 * dropped in, listed, judged, and taken out again. docs/plugins.md shows the same commands, and the
 * test holds it to that.
 */
@Tag("slow")
class DropInTest {
  @TempDir Path clone;

  /** One command: its exit code and everything it printed. */
  private record Ran(int code, String text) {
    /** Returns the line that begins with a word, or nothing. */
    String line(String word) {
      return text.lines().filter(l -> l.startsWith(word)).findFirst().orElse("");
    }
  }

  private Ran run(List<String> command) throws Exception {
    Process p =
        new ProcessBuilder(command).directory(clone.toFile()).redirectErrorStream(true).start();
    p.getOutputStream().close();
    String text = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ran(p.waitFor(), text.replace(clone + "/", ""));
  }

  /** Runs the command as the launcher does, in a clone that has nothing but its plugin folder. */
  private Ran cocovisor(String... args) throws Exception {
    List<String> java =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Dcocovisor.root=" + clone,
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName());
    return run(Stream.concat(java.stream(), Stream.of(args)).toList());
  }

  @Test
  void aVendorsProjectIsBuiltDroppedInJudgedAndTakenOutAgain() throws Exception {
    Files.createDirectories(clone.resolve("plugins"));

    Ran written = cocovisor("plugins", "new", "my-vendor");
    assertThat(written.code()).as(written.text()).isEqualTo(ExitCode.CLEAN);
    List<String> next = written.text().lines().skip(2).map(String::strip).toList();
    assertThat(next)
        .containsExactly(
            "(cd my-vendor && mvn package)",
            "cp my-vendor/target/my-vendor-1.0.0.zip plugins",
            "./cocovisor backends",
            "./cocovisor tck my-vendor");

    Ran built = run(List.of("bash", "-c", next.get(0).replace("mvn", "mvn -B -ntp")));
    assertThat(built.code()).as(built.text()).isZero();
    // The project's own tests: every rule of the kit, and the vendor half alone.
    assertThat(built.text()).containsPattern("Tests run: \\d{2,}, Failures: 0, Errors: 0");
    assertThat(built.text()).doesNotContain("self-attaching");

    assertThat(row()).isEmpty();
    assertThat(run(List.of("bash", "-c", next.get(1))).text()).isEmpty();
    assertThat(row())
        .matches("my-vendor +1\\.0\\.0  *x86_64 .*plugin my-vendor, my-vendor-1\\.0\\.0\\.zip");

    Ran judged = cocovisor("tck", "my-vendor");
    // It owns pages: what a confidential technology has to claim is claimed and shown.
    assertThat(judged.code()).as(judged.text()).isEqualTo(ExitCode.CLEAN);
    assertThat(judged.text()).doesNotContain("NOT CONFIDENTIAL");
    assertThat(judged.line("rules="))
        .matches("rules=\\d+ shown=[8-9]\\d+ refused=\\d+ unjudged=0 failed=0");
    Ran again = cocovisor("plugins", "new", "my-vendor", "-d", "another");
    assertThat(again.code()).isEqualTo(ExitCode.USAGE);
    assertThat(again.text()).contains("there is a backend of that id");
    Ran json = cocovisor("tck", "--json", "my-vendor");
    assertThat(json.text()).contains("\"backend\" : \"my-vendor\"", "\"failed\" : 0");

    Ran disabled = cocovisor("plugins", "disable", "my-vendor");
    assertThat(disabled.text()).isEqualTo("my-vendor is disabled\n");
    assertThat(row()).isEmpty();
    assertThat(cocovisor("plugins", "enable", "my-vendor").text())
        .isEqualTo("my-vendor is enabled\n");
    assertThat(row()).isNotEmpty();

    Files.delete(clone.resolve("plugins/my-vendor-1.0.0.zip"));
    assertThat(row()).isEmpty();
    Ran gone = cocovisor("tck", "my-vendor");
    assertThat(gone.code()).isEqualTo(ExitCode.PLUGIN);
    assertThat(gone.text()).contains("COCO-P001 error: my-vendor: there is no such backend");
  }

  private String row() throws Exception {
    Ran listed = cocovisor("backends");
    assertThat(listed.code()).as(listed.text()).isEqualTo(ExitCode.CLEAN);
    return listed.line("my-vendor ");
  }

  @Test
  void theTranscriptInTheDocsIsOfTheseCommands() throws IOException {
    String docs =
        Files.readString(Path.of(System.getProperty("cocovisor.root"), "docs/plugins.md"));
    for (String command :
        List.of(
            "./cocovisor plugins new my-vendor",
            "(cd my-vendor && mvn package)",
            "cp my-vendor/target/my-vendor-1.0.0.zip plugins",
            "./cocovisor backends",
            "./cocovisor tck my-vendor",
            "rm plugins/my-vendor-1.0.0.zip")) {
      assertThat(docs).contains("$ " + command + "\n");
    }
    assertThat(docs)
        .containsPattern("my-vendor +1\\.0\\.0  *x86_64 .*plugin my-vendor, my-vendor-1");
    assertThat(docs).containsPattern("rules=\\d+ shown=\\d+ refused=\\d+ unjudged=\\d+ failed=0");
    assertThat(docs.toLowerCase(Locale.ROOT)).contains("coco-p001 error: my-vendor");
  }
}
