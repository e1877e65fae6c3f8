package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.pack.ApiVersion;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** docs/plugins.md shows the texts that vendors see, word for word. */
class DocumentedErrorsTest {
  private static String docs() throws IOException {
    return Files.readString(Path.of(System.getProperty("cocovisor.root"), "docs/plugins.md"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "broken-zip",
        "zip-slip",
        "no-provider",
        "provider-throws",
        "wrong-api",
        "bundled-api",
        "duplicate-id",
        "missing-dependency",
        "prints-to-stdout"
      })
  void theDocsShowTheTextOfEachBrokenPlugin(String name) throws IOException {
    try (var in = DocumentedErrorsTest.class.getResourceAsStream("golden/" + name + ".txt")) {
      assertThat(in).isNotNull();
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
      assertThat(docs()).contains(text.replace("API", ApiVersion.release()));
    }
  }

  @ParameterizedTest
  @EnumSource(FindingCode.class)
  void theDocsKnowEveryId(FindingCode code) throws IOException {
    assertThat(docs()).contains(code.id());
  }

  @Test
  void idsAreDistinct() {
    assertThat(FindingCode.values()).extracting(FindingCode::id).doesNotHaveDuplicates();
  }
}
