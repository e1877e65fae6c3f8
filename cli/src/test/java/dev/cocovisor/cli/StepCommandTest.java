package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run is walked forwards, back, and until something happens; and it is timed where recorded. */
class StepCommandTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final String EXAMPLE =
      ROOT.resolve("examples/convert-small-in-huge.kvmlog").toString();

  @TempDir Path dir;

  private static String walked(String scenario, String backend, String lines, String... more) {
    InputStream usual = System.in;
    System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
    try {
      String[] words = new String[4 + more.length];
      words[0] = "step";
      words[1] = scenario;
      words[2] = "--backend";
      words[3] = backend;
      System.arraycopy(more, 0, words, 4, more.length);
      Ran ran = Ran.of(words);
      assertThat(ran.code()).as(ran.err()).isZero();
      return ran.out();
    } finally {
      System.setIn(usual);
    }
  }

  @Test
  void whatIsSoughtIsFound() {
    String said =
        walked(
            EXAMPLE,
            "tdx",
            "until hook TDH.MEM.PAGE.DEMOTE\ntables\nevents\nuntil gfn 0x201\nuntil gfn 0x201\n");
    assertThat(said)
        .contains("[VM 1 vCPU 0] vm_convert", "S-EPT:", "gfn 0x202..0x400  MAPPED -> 0x402")
        .contains("TDH.MEM.PAGE.REMOVE", "vm_teardown", "no later step: until gfn 0x201");
  }

  @Test
  void backIsWhereOneWas() {
    String there = "until hook TDH.MEM.PAGE.DEMOTE\nback\n";
    String tables = "tables\nmemory\nowners\n";
    String[] parts =
        walked(EXAMPLE, "tdx", there + tables + "next\n" + tables + "back\n" + tables)
            .split("(?m)^.*> (next|back)\n", -1);
    String before = parts[1].substring(parts[1].indexOf("> tables"));
    String behind = parts[2].substring(parts[2].indexOf("> tables"));
    String again = parts[3].substring(parts[3].indexOf("> tables"));
    assertThat(again).isEqualTo(before).isNotEqualTo(behind).contains("2M MAPPED");
  }

  @Test
  void whatIsNoCommandNamesTheNearest() {
    String said = walked(EXAMPLE, "tdx", "untill\ngo #5\ns\natt\ngo #1\nback\nquit\nnext\n");
    assertThat(said).contains("until", "slot 0", "attributes:", "before the first step");
    assertThat(said).doesNotContain("> next");
  }

  @Test
  void aFindingIsWalkedWithItsLocks() throws IOException {
    Path scenario = dir.resolve("race.kvmlog");
    String race = Files.readString(ROOT.resolve("examples/races/prefault-and-slot-delete.kvmlog"));
    Files.writeString(scenario, race.replaceAll("(?m)^allows.*$", ""));
    String said =
        walked(
            scenario.toString(),
            "sw-protected",
            "until status EAGAIN\ngo #12\nlocks\n",
            "--schedule",
            "0*7 1");
    assertThat(said).contains("vm_prefault").contains(" holds ");
  }

  @Test
  void aRecordedRunHasAnEventAStep() throws IOException {
    Path file = dir.resolve("run.jfr");
    try (var recording = new Recording()) {
      recording.enable("dev.cocovisor.Step");
      recording.start();
      Ran.of("run", EXAMPLE, "--backend", "tdx");
      recording.stop();
      recording.dump(file);
    }
    int steps = 0;
    int inside = 0;
    for (RecordedEvent e : RecordingFile.readAllEvents(file)) {
      if (e.getEventType().getName().equals("dev.cocovisor.Step")) {
        steps++;
        inside += e.getInt("events");
      }
    }
    assertThat(steps).isGreaterThan(10);
    assertThat(inside).isGreaterThan(100);
  }
}
