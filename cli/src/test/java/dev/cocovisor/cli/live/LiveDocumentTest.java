package dev.cocovisor.cli.live;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.live.kvm.LiveTotals;
import dev.cocovisor.script.text.LineParser;
import dev.cocovisor.script.text.LogCall;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What live commands print as JSON is what the schema says. */
class LiveDocumentTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private String printed(LiveDocument document) {
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    document.print(new Console(stream, stream, false, false), new LiveTotals());
    return out.toString(StandardCharsets.UTF_8);
  }

  private static void valid(String name, String json) throws IOException {
    Path file = Path.of(System.getProperty("cocovisor.root"), "docs/schemas", name);
    var schema =
        SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(Files.readString(file));
    assertThat(schema.validate(json, InputFormat.JSON)).as(json).isEmpty();
  }

  @Test
  void programsAndTheirAnswers() throws IOException {
    LogCall call = new LineParser("a.kvmlog", 3, "close(3) = 0").call();
    var document = new LiveDocument("run", "x86-64, Linux 7.3");
    document.program("a.kvmlog", 1, List.of(call));
    String json = printed(document);
    valid("live.schema.json", json);
    JsonNode ran = JsonMapper.shared().readTree(json).get("ran").get(0);
    assertThat(ran.get("calls").get(0).asString()).isEqualTo("close(3) = 0");
  }

  @Test
  void answersThatDiffer() throws IOException {
    var document = new LiveDocument("check", "x86-64, Linux 7.3");
    document.difference(
        Mismatch.in("a.kvmlog", 7).withProgram(2).withCall("close(3)").withAnswers("0", "-1"));
    String json = printed(document);
    valid("live.schema.json", json);
    JsonNode one = JsonMapper.shared().readTree(json).get("differences").get(0);
    assertThat(one.get("line").asInt()).isEqualTo(7);
    assertThat(one.get("kernel").asString()).isEqualTo("0");
    assertThat(one.get("model").asString()).isEqualTo("-1");
  }

  @Test
  void whatTheMachineIsAndWhatWasWritten() throws IOException {
    valid(
        "live.schema.json",
        printed(new LiveDocument("host", "arm64").profile(Map.of("core.max-vcpus", "8"))));
    out.reset();
    valid("live.schema.json", printed(new LiveDocument("record", "arm64").log("b.kvmlog")));
  }
}
