package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random programs of every technology, a plugin's too, break nothing and leave nothing. */
class RandomTechnologiesTest {
  @TempDir static Path folder;
  private static Path plugins = Path.of("");

  @BeforeAll
  static void build() throws IOException {
    plugins = CovePackage.into(folder);
  }

  private static void nothingFound(String id, int calls, long seed) throws IOException {
    Path findings = Files.createDirectories(folder.resolve("findings-" + id));
    Ran ran =
        Ran.of(
            "generate",
            "--backend",
            id,
            "--calls",
            calls + "",
            "--seed",
            seed + "",
            "--findings",
            findings + "",
            "--plugins",
            plugins + "");
    assertThat(ran.out()).as(ran.err()).contains(id + " hooks=").endsWith(" violations=0\n");
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    try (Stream<Path> found = Files.list(findings)) {
      assertThat(found).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "pkvm", "cca", CovePackage.ID})
  void fewPrograms(String id) throws IOException {
    nothingFound(id, 500, 3);
  }

  @ParameterizedTest
  @Tag("slow")
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "pkvm", "cca", CovePackage.ID})
  void manyPrograms(String id) throws IOException {
    nothingFound(id, Integer.getInteger("cocovisor.random.calls", 50_000), 17);
  }
}
