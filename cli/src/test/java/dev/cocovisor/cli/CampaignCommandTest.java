package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CampaignCommandTest {
  @TempDir private Path folder;

  @Test
  @Tag("slow")
  void aFindingIsAFileThatRunFollows() throws IOException {
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
    Path campaign = folder.resolve("c.yaml");
    Files.writeString(
        campaign,
        """
        campaign: c
        explore: {scenarios: race.kvmlog, bug: no-retry, technologies: sw-protected}
        """);

    Path html = folder.resolve("c.html");
    Ran first = Ran.of("campaign", "run", campaign.toString(), "--html", html.toString());
    assertThat(first.code()).as(first.err()).isEqualTo(ExitCode.FOUND);
    assertThat(first.out())
        .contains("in         race.kvmlog with no-retry on sw-protected")
        .containsPattern("work=\\d+ schedules=\\d+ programs=0 findings=1\\s*$");
    Path out = folder.resolve("c.out");
    try (Stream<Path> files = Files.list(out.resolve("findings"))) {
      Path finding = files.findFirst().orElseThrow();
      assertThat(Ran.of("run", finding.toString()).code()).isEqualTo(ExitCode.FOUND);
    }
    assertThat(Ran.of("campaign", "status", out.toString()).out()).contains("findings          1");
    // What was covered: in the folder, the status, and the page.
    List<String> pairs = Files.readAllLines(out.resolve("coverage").resolve("pairs.txt"));
    assertThat(pairs).isNotEmpty().allMatch(p -> p.matches("\\w+ .* before .* on sw-protected"));
    assertThat(Ran.of("campaign", "status", out.toString()).out())
        .contains("schedule pairs    " + pairs.size());
    assertThat(Files.readString(html)).contains("\"schedule pairs\":[\"" + pairs.getFirst());
    // All is done: nothing is made again.
    Ran again = Ran.of("campaign", "run", campaign.toString());
    assertThat(again.out().lines().toList().getLast())
        .isEqualTo(first.out().lines().toList().getLast());
  }

  @Test
  void operationsThatMeetAreFollowedToo() throws IOException {
    Path finding = folder.resolve("meeting.kvmlog");
    Files.writeString(
        finding,
        "finding(\"0*5 1\", {on=\"sw-protected\", meeting=\"fault with punch\", answers=any,"
            + " breaks=\"a frame\"})\n");
    Ran ran = Ran.of("run", finding.toString());
    assertThat(ran.code()).as(ran.out() + ran.err()).isEqualTo(ExitCode.CLEAN);

    Files.writeString(
        finding,
        "finding(\"0\", {on=\"sw-protected\", meeting=\"falt with punch\", breaks=\"\"})\n");
    assertThat(Ran.of("run", finding.toString()).err()).contains("did you mean fault");
  }

  @Test
  void aFolderWithoutACampaignIsTold() {
    Ran status = Ran.of("campaign", "status", folder.toString());
    assertThat(status.code()).isEqualTo(ExitCode.USAGE);
    assertThat(status.err()).contains("no campaign's folder");
    assertThat(Ran.of("campaign", "join", "127.0.0.1:5999").err()).contains("--secret-file");
    assertThat(Ran.of("campaign", "run", folder.resolve("none.yaml").toString()).err())
        .contains("no such file");
  }
}
