package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the text of a call log means, and that writing it loses nothing. */
class LogFormatTest {
  static Stream<Path> recordings() throws IOException {
    try (var files = Files.list(Path.of(System.getProperty("cocovisor.root"), "conformance"))) {
      List<Path> logs =
          files.filter(f -> f.getFileName().toString().contains(".kvmlog")).sorted().toList();
      assertThat(logs).hasSizeGreaterThanOrEqualTo(3);
      return logs.stream();
    }
  }

  static LogCall call(String text) {
    return (LogCall) LogReader.parse("t", 1, text);
  }

  @ParameterizedTest
  @MethodSource("recordings")
  void aRecordingIsWrittenAsItWasRead(Path log) throws IOException {
    try (var in = LogSource.file(log).opener().open()) {
      int n = 0;
      for (String text = in.readLine(); text != null; text = in.readLine()) {
        LogLine line = LogReader.parse(log.toString(), ++n, text);
        assertThat(LogWriter.line(line)).isEqualTo(text);
      }
      assertThat(n).isGreaterThan(700);
    }
  }

  @Test
  void programsAreToldApartFromComments() {
    assertThat(LogReader.parse("t", 7, "# program 12"))
        .isEqualTo(new LogLine.ProgramStart(7, 12, "# program 12"));
    assertThat(LogReader.parse("t", 7, "# programs of seed 3")).isInstanceOf(LogLine.Remark.class);
    assertThat(LogReader.parse("t", 7, "  ")).isInstanceOf(LogLine.Remark.class);
    assertThat(LogReader.parse("t", 7, "--- SIGBUS {si_signo=SIGBUS} ---"))
        .isInstanceOf(LogLine.Remark.class);
  }

  @Test
  void aCallHasArgumentsWriteBackErrorAndExit() {
    LogCall c =
        call("ioctl(7, KVM_PRE_FAULT_MEMORY, {gpa=0x1, size=2} => {gpa=0x3, size=0}) = -1 ENOENT");
    assertThat(c.args().get(2)).isInstanceOf(Value.Change.class);
    assertThat(c.result()).isEqualTo(LogResult.failed("ENOENT"));
    LogCall run = call("guest_read(7, {code=0x1000, gpa=0x2}) = 0 (KVM_EXIT_HLT, value=245)");
    assertThat(run.result())
        .isEqualTo(
            LogResult.of(Value.Num.of(0))
                .with(
                    new LogResult.Exit(
                        "KVM_EXIT_HLT", List.of(Value.Field.of("value", Value.Num.of(245))))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "[pid 812] close(5<anon_inode:kvm-vm>) = 0 <0.000012> ! close(5) = 0",
        "812   12:01:02.123456 close(5) = 0 ! close(5) = 0",
        "close(5)                                = 0 ! close(5) = 0",
        "ioctl(5, KVM_X) = -1 EINVAL (Invalid argument) ! ioctl(5, KVM_X) = -1 EINVAL",
        "ioctl(3</dev/kvm>, KVM_CREATE_VM, 0) = 4<anon_inode:kvm-vm> ! ioctl(3, KVM_CREATE_VM, 0) ="
            + " 4",
        "mmap(NULL, 4096, 0x3, MAP_SHARED|0x4|21<<MAP_HUGE_SHIFT, -1, 0) = 0X7F10 ! mmap(NULL,"
            + " 4096, 0x3, MAP_SHARED|0x4|21<<MAP_HUGE_SHIFT, -1, 0) = 0x7f10",
        "ioctl(5, _IOC(_IOC_WRITE, 0xae, 0x49, 0x40), …) = 0 ! ioctl(5, _IOC(_IOC_WRITE, 0xae,"
            + " 0x49, 0x40), ...) = 0",
        "fallocate(8, 03, 0, 4096) = 0 ! fallocate(8, 03, 0, 4096) = 0",
        "pwrite64(8, \"\\0a\\x7f\\\"\"..., 16, 0) = -1 ESPIPE (Illegal seek) ! pwrite64(8,"
            + " \"\\x00a\\x7f\\\"\"..., 16, 0) = -1 ESPIPE",
        "f({a=1 /* B */, c[0] = 2, ...}) ! f({a=1, c[0]=2, ...})",
        "f([1, {a=2}]) = ? ERESTARTSYS ! f([1, {a=2}])",
        "f(18446744073709551615) ! f(18446744073709551615)",
      })
  void stracesSpellingsAreReadAndPutInOurOwn(String text, String canonical) {
    LogCall c = call(text);
    assertThat(LogWriter.line(c)).isEqualTo(canonical);
    assertThat(call(canonical)).isEqualTo(c);
  }

  @Test
  void aCommentMayFollowACall() {
    LogCall c = call("host_read(0x1000) = 3  # the old value");
    assertThat(c.comment()).isEqualTo("the old value");
    assertThat(LogWriter.line(c)).isEqualTo("host_read(0x1000) = 3  # the old value");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "close 5 ! log.kvmlog:9:7: '5', expected '('",
        "close(5 ! log.kvmlog:9:8: the end of the line, expected ')'",
        "close(,) ! log.kvmlog:9:7: ',', expected a value",
        "close(0x) ! log.kvmlog:9:7: '0x', expected a number",
        "close(12ab) ! log.kvmlog:9:7: '12ab', expected a number",
        "close(0x11112222333344445) ! log.kvmlog:9:7: '0x11112222333344445', expected a number of"
            + " at most 64 bits",
        "close(5) = 0 EINVAL ! log.kvmlog:9:14: 'EINVAL', expected the end of the line, since only"
            + " -1 has an error's name",
        "close(5) == 0 ! log.kvmlog:9:11: '=', expected a value",
        "close(\"abc) ! log.kvmlog:9:7: a string without end, expected '\"'",
        "?! log.kvmlog:9:1: '?', expected the name of a call",
      })
  void anErrorSaysWhereWhatAndWhatWasExpected(String text, String message) {
    assertThatThrownBy(() -> LogReader.parse("log.kvmlog", 9, text))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessage(message);
  }

  @Test
  void nestingIsBounded() {
    assertThatThrownBy(() -> call("f(" + "[".repeat(100_000)))
        .isInstanceOf(LogSyntaxException.class);
    assertThatThrownBy(() -> call("f(" + "a(".repeat(100_000)))
        .isInstanceOf(LogSyntaxException.class);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void damagedTextIsReadOrRefusedAndWhatIsReadSurvivesWriting(long seed) throws IOException {
    List<String> lines = lines();
    var random = new SplittableRandom(seed);
    String alphabet = "(){}[]=,|<>\"\\#- 0x9aZ_.…/*\t&~";
    int read = 0;
    for (int i = 0; i < 20_000; i++) {
      var text = new StringBuilder(lines.get(random.nextInt(lines.size())));
      for (int edits = random.nextInt(1, 5); edits > 0 && !text.isEmpty(); edits--) {
        int at = random.nextInt(text.length());
        char c = alphabet.charAt(random.nextInt(alphabet.length()));
        switch (random.nextInt(4)) {
          case 0 -> text.setCharAt(at, c);
          case 1 -> text.insert(at, c);
          case 2 -> text.deleteCharAt(at);
          default -> text.setLength(at);
        }
      }
      String input = text.toString();
      LogLine line;
      try {
        line = LogReader.parse("f", 1, input);
      } catch (LogSyntaxException e) {
        assertThat(e).hasMessageMatching("(?s)f:1:\\d+: .{8,}");
        continue;
      }
      read++;
      String written = LogWriter.line(line);
      LogLine again = LogReader.parse("f", 1, written);
      assertThat(again).as("seed %d: %s -> %s", seed, input, written).isEqualTo(line);
    }
    assertThat(read).isGreaterThan(500);
  }

  private static List<String> lines() throws IOException {
    Path log = recordings().findFirst().orElseThrow();
    try (var in = LogSource.file(log).opener().open()) {
      return in.lines().limit(2_000).toList();
    }
  }
}
