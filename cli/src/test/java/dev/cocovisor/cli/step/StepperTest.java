package dev.cocovisor.cli.step;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.Ran;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A run is walked forwards, back, and until something happens. */
class StepperTest {
  private static JsonNode run;

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final Stepper stepper =
      new Stepper(run, new PrintStream(said, true, StandardCharsets.UTF_8));

  @BeforeAll
  static void make() {
    String example =
        Path.of(System.getProperty("cocovisor.root"), "examples/convert-small-in-huge.kvmlog")
            .toString();
    run = new JsonMapper().readTree(Ran.of("run", example, "--backend", "tdx", "--json").out());
  }

  private String after(String... lines) {
    said.reset();
    for (String line : lines) {
      assertThat(stepper.command(line)).isTrue();
    }
    return said.toString(StandardCharsets.UTF_8);
  }

  @Test
  void whatIsSoughtIsFound() {
    assertThat(after("until hook TDH.MEM.PAGE.DEMOTE")).contains("[VM 1 vCPU 0] vm_convert");
    assertThat(after("tables")).contains("S-EPT:").contains("gfn 0x202..0x400  MAPPED -> 0x402");
    assertThat(after("until gfn 0x201")).contains("vm_teardown");
    assertThat(after("until gfn 0x201")).contains("no later step");
    assertThat(after("events")).contains("TDH.MEM.PAGE.REMOVE");
  }

  @Test
  void backIsWhereOneWas() {
    after("until hook TDH.MEM.PAGE.DEMOTE", "back");
    String there = after("tables", "memory", "owners");
    after("next", "next");
    assertThat(after("tables", "memory", "owners")).isNotEqualTo(there);
    after("back 2");
    assertThat(after("tables", "memory", "owners")).isEqualTo(there).contains("2M MAPPED");
    assertThat(after("go #1", "back")).contains("before the first step");
  }

  @Test
  void whatIsNoCommandNamesTheNearest() {
    assertThat(after("untill")).contains("until");
    assertThat(after("go #5", "s", "att")).contains("slot 0", "attributes:");
    assertThat(stepper.command("quit")).isFalse();
  }
}
