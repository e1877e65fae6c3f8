package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two processes that listen on addresses of their own make a campaign as one does. */
@Tag("slow")
class CampaignMembersTest {
  private static final String FIRST = "127.0.0.1:5841";

  @TempDir private Path folder;

  private Process start(String name, String... args) throws IOException {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(List.of("--add-opens", "java.base/java.lang=ALL-UNNAMED"));
    words.addAll(List.of("-Dguice_bytecode_gen_option=DISABLED", "-XX:+UseSerialGC"));
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    words.addAll(List.of(args));
    File said = folder.resolve(name + ".txt").toFile();
    return new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(said).start();
  }

  private String said(String name) throws IOException {
    return Files.readString(folder.resolve(name + ".txt"));
  }

  private static List<String> results(Path out) throws IOException {
    return Files.readAllLines(out.resolve("results.jsonl")).stream()
        .map(l -> l.replaceAll("\"millis\":\\d+", ""))
        .sorted()
        .toList();
  }

  private static List<String> findings(Path out) throws IOException {
    try (Stream<Path> all = Files.list(out.resolve("findings"))) {
      return all.map(f -> f.getFileName().toString().substring(4)).sorted().toList();
    }
  }

  @Test
  void findWhatOneFinds() throws IOException, InterruptedException {
    Files.writeString(
        folder.resolve("race.kvmlog"),
        """
        vm_launch({memory=0x400000, vcpus=2}) = 1
        vm_finalize(1) = 0
        actor("vcpu 1")
        vm_write(1, {at=0x1000, value=9, vcpu=1})
        actor("vmm")
        vm_punch(1, {at=0x1000, size=0x1000})
        together()
        """);
    Path campaign =
        Files.writeString(
            folder.resolve("c.yaml"),
            """
            campaign: c
            explore: {scenarios: race.kvmlog, bug: no-retry, technologies: sw-protected, slice: 3}
            programs: {technologies: sw-protected, seeds: 1..60, batch: 2, length: 40, rounds: 1}
            """);
    Path secret = Files.writeString(folder.resolve("secret"), "a secret of members");
    Path alone = folder.resolve("alone");
    Ran one = Ran.of("campaign", "run", campaign.toString(), "--out", alone.toString());
    assertThat(one.code()).as(one.err()).isEqualTo(ExitCode.FOUND);

    Path both = folder.resolve("both");
    String[] first = {
      "campaign",
      "run",
      campaign.toString(),
      "--out",
      both.toString(),
      "--workers",
      "1",
      "--listen",
      FIRST,
      "--secret-file",
      secret.toString(),
      "--wait-for",
      "2"
    };
    String[] second = {
      "campaign",
      "join",
      FIRST,
      "--listen",
      "127.0.0.2:5841",
      "--workers",
      "1",
      "--secret-file",
      secret.toString()
    };
    Process runs = start("first", first);
    try {
      while (!said("first").contains("listens at " + FIRST)) {
        assertThat(runs.isAlive()).as(said("first")).isTrue();
        Thread.sleep(100);
      }
      Process joins = start("second", second);
      assertThat(runs.waitFor(5, TimeUnit.MINUTES)).isTrue();
      assertThat(joins.waitFor(1, TimeUnit.MINUTES)).isTrue();
      assertThat(said("second")).contains("joined at 127.0.0.2:5841, 2 members");
      assertThat(said("second")).contains("the campaign is over");
      assertThat(joins.exitValue()).isEqualTo(ExitCode.CLEAN);
    } finally {
      runs.destroyForcibly();
    }
    assertThat(runs.exitValue()).as(said("first")).isEqualTo(one.code());
    assertThat(results(both)).isEqualTo(results(alone));
    assertThat(findings(both)).isEqualTo(findings(alone)).isNotEmpty();
  }

  @Test
  void aQuestionNeedsAFolderOrAnAddress() throws IOException {
    Path secret = Files.writeString(folder.resolve("secret"), "a secret of members");
    assertThat(Ran.of("campaign", "status").err()).contains("the campaign's folder, or --join");
    assertThat(Ran.of("campaign", "stop", "--join", "127.0.0.1:5998").err())
        .contains("--secret-file");
    Ran nobody =
        Ran.of(
            "campaign", "status", "--join", "127.0.0.1:5998", "--secret-file", secret.toString());
    assertThat(nobody.code()).isEqualTo(ExitCode.USAGE);
    assertThat(nobody.err()).contains("nobody listens at 127.0.0.1:5998");
  }
}
