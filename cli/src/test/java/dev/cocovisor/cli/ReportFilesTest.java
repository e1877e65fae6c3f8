package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The files that commands write beside what they print, and what they refuse to overwrite. */
class ReportFilesTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final String EXAMPLE =
      ROOT.resolve("examples/convert-small-in-huge.kvmlog").toString();

  @TempDir Path dir;

  private static Element xml(Path file) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(file.toFile())
        .getDocumentElement();
  }

  private static JsonNode json(String text) {
    return new JsonMapper().readTree(text);
  }

  private static int steps(String run) {
    return json(run).get("steps").size();
  }

  @Test
  void everyStepIsACaseInKtapAndJunitXml() throws Exception {
    Path ktap = dir.resolve("a.ktap");
    Path xml = dir.resolve("a.xml");
    Ran ran =
        Ran.of("run", EXAMPLE, "--backend", "tdx", "--ktap", ktap.toString(), "--xml", xml + "");
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    Element suite = xml(xml);
    assertThat(suite.getTagName()).isEqualTo("testsuite");
    int cases = suite.getElementsByTagName("testcase").getLength();
    int steps = steps(Ran.of("run", EXAMPLE, "--backend", "tdx", "--json").out());
    assertThat(suite.getAttribute("tests")).isEqualTo(Integer.toString(cases));
    assertThat(cases).isEqualTo(steps).isGreaterThan(10);
    assertThat(suite.getAttribute("failures")).isEqualTo("0");
    List<String> lines = Files.readAllLines(ktap);
    assertThat(lines.getFirst()).isEqualTo("KTAP version 1");
    assertThat(lines).contains("1.." + steps);
    assertThat(lines.stream().filter(l -> l.matches("(not )?ok \\d+ .*"))).hasSize(steps);
  }

  @Test
  void anUnmetExpectationFailsItsCase() throws Exception {
    Path scenario = dir.resolve("a.kvmlog");
    Files.writeString(
        scenario, "vm_launch({memory=0x400000, vcpus=1}) = 1\nvm_finalize(1) = -1 EINVAL\n");
    Path xml = dir.resolve("a.xml");
    Path ktap = dir.resolve("a.ktap");
    Ran ran = Ran.of("run", scenario + "", "--xml", xml + "", "--ktap", ktap + "");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    Element failure = (Element) xml(xml).getElementsByTagName("failure").item(0);
    assertThat(failure.getAttribute("message")).isEqualTo("expected -1 EINVAL");
    assertThat(failure.getTextContent()).contains("got 0", "reproduce: ./cocovisor run ");
    assertThat(Files.readString(ktap)).contains("\nnot ok 2 line 2 vm_finalize(1)\n");
  }

  @Test
  void aProgramThatFailsIsOneCaseOfItsLog() throws Exception {
    Path log = dir.resolve("a.kvmlog");
    Files.writeString(
        log,
        """
        # program 4
        openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
        # program 5
        fallocate(-1, 0, 0x200000, 0x1000) = -1 EINVAL
        """);
    Path xml = dir.resolve("a.xml");
    Path html = dir.resolve("a.html");
    Ran ran = Ran.of("replay", log + "", "--xml", xml + "", "--html", html + "");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    Element suite = xml(xml);
    assertThat(suite.getElementsByTagName("testcase").getLength()).isEqualTo(2);
    assertThat(suite.getAttribute("failures")).isEqualTo("1");
    assertThat(Files.readString(html)).contains("program 5, line 4, fallocate");
  }

  /** Every slice has a named lane, and slices of a lane lie apart or inside each other. */
  private static Map<String, Integer> checked(JsonNode trace) {
    var named = new HashMap<String, String>();
    var kinds = new TreeMap<String, Integer>();
    var lanes = new TreeMap<String, List<long[]>>();
    for (JsonNode e : trace.get("traceEvents")) {
      String lane = e.get("pid").asInt() + "/" + e.get("tid").asInt();
      switch (e.get("ph").asString()) {
        case "M" -> named.put(lane, e.get("args").get("name").asString());
        case "X" -> {
          kinds.merge(e.get("cat").asString(), 1, Integer::sum);
          long at = e.get("ts").asLong();
          lanes
              .computeIfAbsent(lane, _ -> new ArrayList<>())
              .add(new long[] {at, at + e.get("dur").asLong()});
        }
        case "C" -> {
          assertThat(e.get("args").size()).isPositive();
          kinds.merge("counter", 1, Integer::sum);
        }
        default -> throw new AssertionError(e);
      }
    }
    lanes.forEach((lane, slices) -> {
      assertThat(named).containsKey(lane);
      for (long[] a : slices) {
        for (long[] b : slices) {
          boolean apart = a[1] <= b[0] || b[1] <= a[0];
          boolean inside = (a[0] >= b[0] && a[1] <= b[1]) || (b[0] >= a[0] && b[1] <= a[1]);
          assertThat(apart || inside).isTrue();
        }
      }
    });
    kinds.put("lanes", lanes.size());
    return kinds;
  }

  @Test
  void aTraceHasALaneAVcpuAndASliceACall() throws IOException {
    Path trace = dir.resolve("a.json");
    Ran ran = Ran.of("run", EXAMPLE, "--backend", "tdx", "--perfetto", trace + "", "--json");
    JsonNode run = json(ran.out());
    int events = 0;
    for (JsonNode s : run.get("steps")) {
      events += s.get("events").size();
    }
    Map<String, Integer> kinds = checked(json(Files.readString(trace)));
    assertThat(kinds).containsEntry("call", run.get("steps").size()).containsEntry("lanes", 2);
    int inside =
        kinds.getOrDefault("hook", 0)
            + kinds.getOrDefault("firmware", 0)
            + kinds.getOrDefault("core", 0);
    assertThat(inside + kinds.getOrDefault("refusal", 0)).isEqualTo(events).isPositive();
    assertThat(kinds.get("counter")).isGreaterThan(10);
  }

  @Test
  void aScheduleThatBreaksHasALaneALock() throws IOException {
    Path scenario = dir.resolve("race.kvmlog");
    String race = Files.readString(ROOT.resolve("examples/races/prefault-and-slot-delete.kvmlog"));
    Files.writeString(scenario, race.replaceAll("(?m)^allows.*$", ""));
    Path trace = dir.resolve("a.json");
    Path html = dir.resolve("a.html");
    Ran ran =
        Ran.of(
            "explore",
            scenario + "",
            "--backend",
            "sw-protected",
            "--schedule",
            "0*7 1",
            "--perfetto",
            trace + "",
            "--html",
            html + "");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    Map<String, Integer> kinds = checked(json(Files.readString(trace)));
    assertThat(kinds.get("lock")).isGreaterThan(3);
    assertThat(kinds.get("call")).isGreaterThan(20);
    assertThat(Files.readString(html)).contains("\"conflict\":true", "kvm->slots_lock");
  }

  @Test
  void nothingIsOverwrittenUnasked() throws IOException {
    Path there = Files.writeString(dir.resolve("a.html"), "mine");
    for (String option : List.of("--html", "--perfetto", "--ktap", "--xml", "--save")) {
      Ran ran = Ran.of("run", EXAMPLE, option, there + "");
      assertThat(ran.code()).as(option).isEqualTo(ExitCode.USAGE);
      assertThat(ran.err()).contains(option + ": " + there, "--force");
      assertThat(ran.out()).doesNotContain("calls=");
    }
    assertThat(Ran.of("generate", there + "").code()).isEqualTo(ExitCode.USAGE);
    assertThat(Files.readString(there)).isEqualTo("mine");
    assertThat(Ran.of("run", EXAMPLE, "--html", there + "", "--force").code()).isZero();
    assertThat(Files.readString(there)).startsWith("<!doctype html>");
  }

  @Test
  void anErrorIsADocumentWhereJsonWasAskedFor() {
    for (String[] words :
        new String[][] {
          {"replay", "--json", dir.resolve("none.kvmlog").toString()},
          {"run", "--json", EXAMPLE, "--nonsense"},
          {"backends", "--json", "--plugins", dir.resolve("none").toString()},
          {"rum", EXAMPLE, "--json"}
        }) {
      Ran ran = Ran.of(words);
      JsonNode doc = json(ran.out());
      assertThat(doc.get("format").asString()).isEqualTo("cocovisor.error");
      assertThat(doc.get("code").asInt()).isEqualTo(ran.code()).isEqualTo(ExitCode.USAGE);
      assertThat(ran.err()).isNotEmpty();
    }
    assertThat(Ran.of("rum", EXAMPLE).err()).contains("run");
  }

  @Test
  void twoPoliciesPartWhereTheSplitIs() {
    Ran ran =
        Ran.of("diff", EXAMPLE, "--backend", "tdx", "--set-b", "tdx.page-size-policy=upstream");
    assertThat(ran.code()).isEqualTo(ExitCode.FOUND);
    assertThat(ran.out()).startsWith("first difference: line ").contains("only A", "only B");
    Ran same = Ran.of("diff", EXAMPLE, EXAMPLE, "--backend", "tdx", "--json");
    assertThat(same.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(json(same.out()).get("same").asBoolean()).isTrue();
  }

  @Test
  void aFolderMeansAllItHolds() throws IOException {
    Path logs = Files.createDirectories(dir.resolve("logs/deep"));
    Files.writeString(logs.resolve("a.kvmlog"), "fallocate(-1, 0, 0, 0x1000) = -1 EBADF\n");
    Files.writeString(dir.resolve("logs/b.kvmlog"), "fallocate(-1, 0, 0, 0x1000) = -1 EBADF\n");
    Files.writeString(dir.resolve("logs/notes.txt"), "no log");
    assertThat(Ran.of("replay", dir.resolve("logs") + "").out())
        .isEqualTo("programs=2 calls=2 mismatches=0\n");
    Ran none = Ran.of("replay", Files.createDirectory(dir.resolve("empty")) + "");
    assertThat(none.code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void everyShellIsServed() {
    assertThat(Ran.of("completion", "bash").out()).contains("complete ", "cocovisor");
    assertThat(Ran.of("completion", "fish").out()).contains("-a explore", "-l html");
    assertThat(Ran.of("-V").out()).containsPattern("commit [0-9a-f]{12}");
  }
}
