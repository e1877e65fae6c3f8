package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest that gets no further ends a command by its budget, with the place it stood at. */
class StandstillTest {
  /** The firmware has no end of being busy, so the vCPU faults at one page for ever. */
  private static final String ENDLESS =
      """
      backends(["tdx", "sw-protected"])
      host_config({core.retries=50})
      vm_launch({memory=0x1000000, vcpus=1}) = 1
      vm_finalize(1) = 0
      on("tdx")
      firmware_fail({at=map, how=busy, times=1000000}) = 0
      on()
      vm_accept(1, {at=0x200000, size=0x1000})%s
      vm_stats(1)
      """;

  @TempDir Path folder;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private final Console console = new Console(stream, stream, false, false);
  private Path log = Path.of("");

  @BeforeEach
  void write() throws IOException {
    log = Files.writeString(folder.resolve("endless.kvmlog"), ENDLESS.formatted(""));
  }

  private int command(String... words) {
    return Main.run(console, words);
  }

  private String said() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void runSaysWhichLineAndPage() {
    assertThat(command("run", log.toString())).as(this::said).isEqualTo(ExitCode.BUDGET);
    assertThat(said())
        .contains("endless.kvmlog:8")
        .contains("vm 1 vcpu 0: gfn 0x", "tried 50 times", "set_external_spte", "core.retries");
  }

  @Test
  void compareLosesThatColumnOnly() {
    assertThat(command("compare", log.toString())).as(this::said).isEqualTo(ExitCode.BUDGET);
    assertThat(said()).contains("tdx failed at", "endless.kvmlog:8", "no progress", "sw-protected");
  }

  @Test
  void replayNamesItAmongTheDifferencesAndGoesOn() throws IOException {
    Files.writeString(log, ENDLESS.formatted(" = 0 (OK)"));
    assertThat(command("replay", log.toString())).as(this::said).isEqualTo(ExitCode.BUDGET);
    assertThat(said()).contains("no progress: vm 1", "mismatches=1 standstills=1");
  }

  @Test
  void anExpectedStandstillIsAnAnswer() throws IOException {
    Files.writeString(log, ENDLESS.formatted(" = -1 EINTR (KVM_EXIT_INTR)"));
    assertThat(command("run", log.toString())).as(this::said).isEqualTo(ExitCode.CLEAN);
  }
}
