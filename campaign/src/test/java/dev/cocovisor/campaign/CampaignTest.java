package dev.cocovisor.campaign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import dev.cocovisor.campaign.cluster.MeetingPoint;
import dev.cocovisor.campaign.cluster.Member;
import dev.cocovisor.campaign.cluster.Visitor;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.work.Plan;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A campaign finds the same whoever makes it. */
@Tag("slow")
class CampaignTest {
  private static final String RACE =
      """
      vm_launch({memory=0x400000, vcpus=2}) = 1
      vm_finalize(1) = 0
      actor("vcpu 1")
      vm_write(1, {at=0x1000, value=9, vcpu=1})
      actor("vmm")
      vm_punch(1, {at=0x1000, size=0x1000})
      together()
      """;

  /** The answer of the second call is wrong. */
  private static final String SMALL =
      """
      openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
      ioctl(3, KVM_CREATE_VM, 77) = 5
      """;

  @TempDir private Path folder;

  private static Plan plan(int programs) {
    var files = new TreeMap<String, byte[]>();
    files.put("race.kvmlog", RACE.getBytes(StandardCharsets.UTF_8));
    files.put("small.kvmlog", SMALL.getBytes(StandardCharsets.UTF_8));
    String text =
        """
        campaign: all-kinds
        explore:
          - scenarios: race.kvmlog
            bound: 1
            slice: 3
          - scenarios: race.kvmlog
            bug: no-retry
            slice: 5
        programs:
          - technologies: sw-protected
            seeds: 1..%d
            batch: 5
            length: 30
            rounds: 1
        replay:
          - logs: small.kvmlog
        """
            .formatted(programs);
    return planOf(CampaignFile.of("test.yaml", text, files));
  }

  /** What a campaign gave, without how long it took. */
  private record Ran(Campaign.End end, String totals, List<String> found, List<String> results) {}

  private static Ran run(
      Path into,
      MeetingPoint meeting,
      int programs,
      BiConsumer<Member, Map<String, Object>> meanwhile)
      throws IOException {
    List<String> found = new ArrayList<>();
    Plan plan = plan(programs);
    try (Member member = Member.first(meeting, plan, "1");
        Folder kept = Folder.open(into, plan.file())) {
      meanwhile.accept(member, Map.of());
      var campaign =
          new Campaign(
              plan,
              kept,
              (f, _) -> found.add(f.kind() + " in " + f.where()),
              status -> meanwhile.accept(member, status));
      Campaign.End end = campaign.run(member);
      List<String> lines = Files.readAllLines(into.resolve("results.jsonl"));
      return new Ran(
          end,
          campaign.totals().toString(),
          found.stream().sorted().toList(),
          lines.stream().map(l -> l.replaceAll("\"millis\":\\d+", "")).sorted().toList());
    }
  }

  private static MeetingPoint joining(String secret, Member to) {
    return new MeetingPoint("127.0.0.1", MeetingPoint.PORT, List.of(to.address()), null, secret, 1);
  }

  private static void kill(Member member) {
    for (HazelcastInstance i : Hazelcast.getAllHazelcastInstances()) {
      var a = i.getCluster().getLocalMember().getAddress();
      if (member.address().equals(a.getHost() + ":" + a.getPort())) {
        i.getLifecycleService().terminate();
        return;
      }
    }
    throw new AssertionError("no such member");
  }

  @Test
  void aMemberThatDiesAndOneThatComesChangeNothing() throws IOException {
    Ran alone = run(folder.resolve("alone"), MeetingPoint.alone("one", 1), 100, (_, _) -> {});
    assertThat(alone.end()).isEqualTo(Campaign.End.DONE);
    assertThat(alone.found()).hasSize(2);
    assertThat(alone.found().getFirst()).isEqualTo("mismatches in replay of small.kvmlog");
    assertThat(alone.found().getLast()).contains("race.kvmlog with no-retry");

    List<Member> others = new ArrayList<>();
    boolean[] changed = new boolean[1];
    Ran many =
        run(
            folder.resolve("many"),
            MeetingPoint.alone("three", 1),
            100,
            (first, status) -> {
              if (status.isEmpty()) {
                others.add(Member.join(joining("three", first), "1", CampaignTest::planOf));
                others.add(Member.join(joining("three", first), "1", CampaignTest::planOf));
              } else if (!changed[0] && "running".equals(status.get("state"))) {
                changed[0] = true;
                kill(others.getFirst());
                others.add(Member.join(joining("three", first), "1", CampaignTest::planOf));
              }
            });
    others.forEach(m -> {
      if (m.isRunning()) {
        m.close();
      }
    });
    assertThat(changed[0]).as("a member died while there was work").isTrue();
    assertThat(many).isEqualTo(alone);
    for (String of : List.of("rules.txt", "pairs.txt")) {
      Path covered = Path.of("coverage", of);
      assertThat(Files.readAllLines(folder.resolve("alone").resolve(covered)))
          .isNotEmpty()
          .isEqualTo(Files.readAllLines(folder.resolve("many").resolve(covered)))
          .allMatch(l -> l.endsWith(" on sw-protected"));
    }
  }

  private static Plan planOf(CampaignFile file) {
    return new Plan(file, Technologies.builtIn());
  }

  @Test
  void aCampaignThatWasStoppedGoesOnWhereItWas() throws IOException {
    Path into = folder.resolve("stopped");
    boolean[] asked = new boolean[1];
    Ran first =
        run(
            into,
            MeetingPoint.alone("stop", 1),
            200,
            (_, status) -> {
              if ("running".equals(status.get("state")) && !asked[0]) {
                asked[0] = true;
                try {
                  Folder.stop(into);
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              }
            });
    assertThat(first.end()).isEqualTo(Campaign.End.ASKED);
    Files.writeString(
        into.resolve("results.jsonl"),
        String.join("\n", Files.readAllLines(into.resolve("results.jsonl"))) + "\n{\"item\":\"0|");
    Ran rest = run(into, MeetingPoint.alone("stop", 1), 200, (_, _) -> {});
    assertThat(rest.end()).isEqualTo(Campaign.End.DONE);
    assertThat(rest.results()).containsAll(first.results());
    assertThat(rest.results())
        .isEqualTo(
            run(folder.resolve("once"), MeetingPoint.alone("stop", 1), 200, (_, _) -> {})
                .results());
  }

  @Test
  void whoKnowsTheSecretAsksAndStopsFromElsewhere() throws IOException {
    boolean[] asked = new boolean[1];
    Ran ran =
        run(
            folder.resolve("asked"),
            MeetingPoint.alone("a secret", 1),
            20_000,
            (member, status) -> {
              if ("running".equals(status.get("state")) && !asked[0]) {
                asked[0] = true;
                List<String> at = List.of(member.address());
                assertThatThrownBy(() -> Visitor.of(at, "another").close())
                    .isInstanceOf(CampaignException.class)
                    .hasMessageContaining("does not let this member in");
                try (Visitor visitor = Visitor.of(at, "a secret")) {
                  visitor.stop();
                }
              }
            });
    assertThat(asked[0]).isTrue();
    assertThat(ran.end()).isEqualTo(Campaign.End.ASKED);
  }

  @Test
  void whenAllMembersAreGoneWhatWasMadeIsKept() throws IOException {
    Path into = folder.resolve("gone");
    assertThatThrownBy(() ->
            run(
                into,
                MeetingPoint.alone("gone", 1),
                100,
                (member, status) -> {
                  if ("running".equals(status.get("state"))) {
                    kill(member);
                  }
                }))
        .isInstanceOf(CampaignException.class)
        .hasMessageContaining("what was made is kept")
        .hasMessageContaining("run the campaign again with the same folder");
    Ran rest = run(into, MeetingPoint.alone("gone", 1), 100, (_, _) -> {});
    Ran once = run(folder.resolve("here"), MeetingPoint.alone("gone", 1), 100, (_, _) -> {});
    assertThat(rest.results()).isEqualTo(once.results());
  }

  @Test
  void aFolderThatCannotBeWrittenIsToldAndNothingIsLost() throws IOException {
    Path into = folder.resolve("full");
    Path findings = into.resolve("findings");
    assertThatThrownBy(() ->
            run(
                into,
                MeetingPoint.alone("full", 1),
                10,
                (_, status) -> {
                  if (status.isEmpty()) {
                    inTheWay(findings);
                  }
                }))
        .isInstanceOf(CampaignException.class)
        .hasMessageContaining("Make room and run the campaign again");
    int kept = Files.readAllLines(into.resolve("results.jsonl")).size();
    assertThat(kept).isPositive();
    Files.delete(findings);
    Ran rest = run(into, MeetingPoint.alone("full", 1), 10, (_, _) -> {});
    Ran once = run(folder.resolve("roomy"), MeetingPoint.alone("full", 1), 10, (_, _) -> {});
    assertThat(rest.results()).isEqualTo(once.results());
    assertThat(rest.totals()).isEqualTo(once.totals());
  }

  /** Puts a file where a folder has to be, as a full disk keeps files from being made. */
  private static void inTheWay(Path folder) {
    try {
      Files.delete(folder);
      Files.writeString(folder, "");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whoDoesNotBelongIsNotLetIn() throws IOException {
    Plan plan = plan(5);
    try (Member first = Member.first(MeetingPoint.alone("right", 1), plan, "1")) {
      assertThatThrownBy(() -> Member.join(joining("wrong", first), "1", CampaignTest::planOf))
          .isInstanceOf(CampaignException.class)
          .hasMessageContaining("does not let this member in")
          .hasMessageContaining("--secret-file");
      assertThatThrownBy(() -> Member.join(joining("right", first), "2", CampaignTest::planOf))
          .isInstanceOf(CampaignException.class)
          .hasMessageContaining("the members there are cocovisor 1, this is 2");
      assertThatThrownBy(() ->
              Member.join(
                  joining("right", first),
                  "1",
                  _ -> {
                    throw new CampaignException("plugin cove.zip is missing");
                  }))
          .hasMessageContaining("cove.zip");
    }
    MeetingPoint elsewhere =
        new MeetingPoint("192.0.2.1", 5801, List.of("127.0.0.1:5999"), null, "s", 1);
    assertThatThrownBy(() -> Member.join(elsewhere, "1", CampaignTest::planOf))
        .isInstanceOf(CampaignException.class)
        .hasMessageContaining("192.0.2.1 is no address of this machine");
    MeetingPoint nowhere =
        new MeetingPoint("127.0.0.1", 5801, List.of("127.0.0.1:5999"), null, "s", 1);
    assertThatThrownBy(() -> Member.join(nowhere, "1", CampaignTest::planOf))
        .hasMessageContaining("nobody listens at 127.0.0.1:5999");
  }

  @Test
  void aFolderOfAnotherCampaignIsNotTouched() throws IOException {
    Path into = folder.resolve("other");
    Folder.open(into, plan(5).file()).close();
    assertThatThrownBy(() -> Folder.open(into, plan(6).file()))
        .isInstanceOf(CampaignException.class)
        .hasMessageContaining("another campaign");
  }
}
