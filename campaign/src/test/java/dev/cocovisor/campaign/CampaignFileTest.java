package dev.cocovisor.campaign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.cocovisor.campaign.file.CampaignEntry;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.work.Course;
import dev.cocovisor.campaign.work.Item;
import dev.cocovisor.campaign.work.KeptProgram;
import dev.cocovisor.campaign.work.Plan;
import dev.cocovisor.campaign.work.Result;
import dev.cocovisor.explore.Search;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CampaignFileTest {
  @TempDir private Path folder;

  private static CampaignFile of(String text) {
    return CampaignFile.of("c.yaml", text, new TreeMap<>());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "''                                                    # c.yaml: is empty",
        "campaign: x                                           # c.yaml:1:1: nothing to do",
        "kit: {}                                               # 'campaign' is missing",
        "{campaign: a b, kit: {technologies: tdx}}             # c.yaml:1:12: campaign: a name of",
        "{campaign: x, kitt: {}, kit: {technologies: tdx}}     # did you mean kit",
        "{campaign: x, kit: {technologies: tdx, rule: S01}}    # did you mean rules",
        "{campaign: x, kit: {}}                                # 'technologies' is missing",
        "{campaign: x, seconds: 0, kit: {technologies: tdx}}   # seconds: a number from 1 expected",
        "{campaign: x, explore: {library: pears, technologies: a}} # no library 'pears'",
        "{campaign: x, explore: {technologies: a}}             # either 'library' or 'scenarios'",
        "{campaign: x, explore: {scenarios: no.kvmlog}}        # 'no.kvmlog' names no file",
        "{campaign: x, programs: {technologies: a, seeds: 9..1}} # seeds: a range as 1..100",
        "{campaign: x, plugins: {file: a.zip, sha256: 12}, kit: {technologies: a}} # 64 digits",
        "{campaign: [                                          # c.yaml:1",
      })
  void whatIsWrongIsToldWithItsPlace(String text, String told) {
    assertThatExceptionOfType(CampaignException.class)
        .isThrownBy(() -> of(text))
        .withMessageContaining(told);
  }

  @Test
  void filesBesideTheCampaignComeWithIt() throws IOException {
    Files.createDirectories(folder.resolve("logs"));
    Files.writeString(folder.resolve("logs/b.kvmlog"), "b");
    Files.writeString(folder.resolve("logs/a.kvmlog"), "a");
    Files.writeString(folder.resolve("logs/a.txt"), "no");
    Path file = folder.resolve("c.yaml");
    Files.writeString(file, "campaign: c\nreplay:\n  - logs: logs/*.kvmlog\n");
    CampaignFile read = CampaignFile.read(file);
    assertThat(read.files().keySet()).containsExactly("logs/a.kvmlog", "logs/b.kvmlog");
    CampaignFile told = CampaignFile.of("c", read.text(), read.files());
    assertThat(told.blocks()).isEqualTo(read.blocks());
    assertThat(told.content()).isEqualTo(read.content());
  }

  @Test
  void aSeedOfARandomStrategyIsASearchOfItsOwn() {
    var b =
        (CampaignEntry.Explore)
            of("{campaign: x, explore: {library: pairs, technologies: sw-protected, strategy: pct,"
                    + " seeds: 3..5, schedules: 40}}")
                .blocks()
                .getFirst();
    assertThat(b.searches())
        .containsExactly(
            new Search.Pct(3, 3, 40), new Search.Pct(4, 3, 40), new Search.Pct(5, 3, 40));
  }

  private static Result reached(Item item, KeptProgram... programs) {
    return new Result(
        item.toString(),
        0,
        programs.length,
        0,
        0,
        new TreeSet<>(),
        new TreeSet<>(),
        new TreeMap<>(),
        List.of(),
        List.of(),
        "",
        true,
        List.of(programs),
        0);
  }

  @Test
  void programsThatReachedSomethingNewAreVariedAndOthersNot() {
    Plan plan =
        new Plan(
            of(
                "{campaign: x, programs: {technologies: sw-protected, seeds: 1..4, batch: 2,"
                    + " rounds: 1}}"),
            Technologies.builtIn());
    var course = new Course(plan);
    List<Item> first = course.first();
    assertThat(first).containsExactly(new Item(0, "0 1 2"), new Item(0, "0 3 4"));
    course.take(reached(first.getFirst(), new KeptProgram("1", 50, List.of("a > b"))));
    course.take(reached(first.getLast(), new KeptProgram("3", 50, List.of("a > b"))));
    List<Item> next = course.next();
    assertThat(next).hasSize(2).allSatisfy(i -> assertThat(i.what()).matches("1 1@\\S+( 1@\\S+)"));
    assertThat(course.reached()).isEqualTo(1);
    assertThat(course.next()).isEmpty();
  }
}
