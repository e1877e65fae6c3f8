package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What takes long tells the flight recorder what it was at, and what came of it. */
class RecordedEventsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  @TempDir Path dir;

  private static String path(String name) {
    return ROOT.resolve(name).toString();
  }

  @Test
  void everyLongCommandHasEvents() throws IOException {
    Path log = Files.writeString(dir.resolve("a.kvmlog"), "fallocate(-1, 0, 0, 4096) = -1 EBADF\n");
    Path jfr = dir.resolve("run.jfr");
    String race = path("examples/races/fault-and-punch.kvmlog");
    try (var recording = new Recording()) {
      recording.enable("dev.cocovisor.Step");
      recording.start();
      assertThat(Ran.of("run", path("examples/first-boot.kvmlog")).code()).isZero();
      assertThat(Ran.of("replay", log.toString()).err()).isEmpty();
      assertThat(Ran.of("tck", "sev-snp", "--rule", "C01").code()).isZero();
      assertThat(Ran.of("explore", race, "--bound", "0").out()).contains("schedules=");
      assertThat(Ran.of("races", "pkvm", "--meeting", "fault,mmap", "--bound", "0").out())
          .contains("meetings=1");
      assertThat(Ran.of("generate", "--backend", "pkvm", "--programs", "1", "--length", "3").err())
          .isEmpty();
      assertThat(
              Ran.of("measure", "--vectors", path("conformance/vectors/vectors-rtmr.json")).code())
          .isZero();
      recording.stop();
      recording.dump(jfr);
    }
    List<String> what =
        RecordingFile.readAllEvents(jfr).stream()
            .filter(e -> e.getEventType().getName().equals("dev.cocovisor.Step"))
            .map(RecordedEventsTest::words)
            .toList();
    assertThat(what)
        .anyMatch(w -> w.startsWith("vm_launch"))
        .anyMatch(w -> w.startsWith(log + " = "))
        .anyMatch(w -> w.startsWith("C01 on sev-snp"))
        .anyMatch(w -> w.startsWith("explore ") && w.contains("schedules="))
        .anyMatch(w -> w.contains("fault") && w.contains("mmap"))
        .anyMatch(w -> w.startsWith("program 0 on pkvm"))
        .anyMatch(w -> w.contains("vectors-rtmr.json: ") && w.endsWith(" = ok"));
  }

  private static String words(RecordedEvent e) {
    return e.getString("what") + " = " + e.getString("answer");
  }
}
