package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts that are no logs, and memory that runs out, have exit codes of their own. */
class ExtremesTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private final Console console = new Console(stream, stream, false, false);

  private String said() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"replay", "run", "compare"})
  void aLogWithoutACallIsAUsageError(String command) throws IOException {
    Path log = Files.writeString(folder.resolve("empty.kvmlog"), "# nothing\n\n");
    assertThat(Main.run(console, command, log.toString())).as(this::said).isEqualTo(ExitCode.USAGE);
    assertThat(said()).contains("empty.kvmlog");
  }

  @ParameterizedTest
  @ValueSource(strings = {"replay", "run"})
  void aLineOfGigabytesIsAUsageErrorWithItsNumber(String command) throws IOException {
    Path bomb = folder.resolve("bomb.kvmlog.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(bomb))) {
      byte[] a = new byte[1 << 20];
      Arrays.fill(a, (byte) 'a');
      for (int i = 0; i < 100; i++) {
        out.write(a);
      }
    }
    assertThat(Main.run(console, command, bomb.toString()))
        .as(this::said)
        .isEqualTo(ExitCode.USAGE);
    assertThat(said()).contains("line 1 is longer than 1048576 characters");
  }

  @Test
  void aByteOrderMarkIsPassedOver() throws IOException {
    Path log =
        Files.writeString(
            folder.resolve("bom.kvmlog"),
            "\ufeffvm_launch({memory=0x100000}) = 1\n",
            StandardCharsets.UTF_8);
    assertThat(Main.run(console, "run", log.toString())).as(this::said).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void memoryThatRanOutIsABudgetAndNoDifference() {
    int code =
        Main.guarded(
            console,
            () -> {
              throw new OutOfMemoryError("Java heap space");
            },
            "run",
            "x.kvmlog");
    assertThat(code).isEqualTo(ExitCode.BUDGET);
    assertThat(said()).contains("out of memory: Java heap space").contains("x.kvmlog");
  }

  @Test
  void anyOtherErrorIsTheProgramsOwn() {
    int code =
        Main.guarded(
            console,
            () -> {
              throw new StackOverflowError();
            });
    assertThat(code).isEqualTo(ExitCode.INTERNAL);
  }
}
