package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.cli.plugin.ProjectTemplate;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProjectTemplateTest {
  @TempDir Path folder;

  @Test
  @Tag("slow") // makes Javadoc
  void aProjectHasNoPlaceholderLeftAndEveryFileWhereJavaWantsIt() throws IOException {
    Path project = new ProjectTemplate("my-vendor").write(folder.resolve("p"));
    assertThat(project.resolve("src/main/java/com/example/myvendor/MyVendorBackend.java"))
        .content()
        .contains("package com.example.myvendor;", "\"my-vendor\"");
    try (Stream<Path> files = Files.walk(project)) {
      for (Path f : files.filter(Files::isRegularFile).toList()) {
        assertThat(f.toString()).doesNotContain("__");
        if (!f.toString().endsWith(".jar")) {
          assertThat(Files.readString(f, StandardCharsets.UTF_8))
              .doesNotContainPattern("__[A-Z]+__");
        }
      }
    }
    Path api = project.resolve("repository/dev/cocovisor/cocovisor-api");
    try (Stream<Path> files = Files.walk(api)) {
      assertThat(files.map(Path::toString))
          .anyMatch(f -> f.endsWith("-sources.jar"))
          .anyMatch(f -> f.endsWith("-javadoc.jar"));
    }
  }

  @Test
  void aFolderInUseIsNotTouched() throws IOException {
    Files.writeString(folder.resolve("mine.txt"), "mine");
    assertThatThrownBy(() -> new ProjectTemplate("acme").write(folder))
        .hasMessageContaining("is not empty");
  }

  @Test
  void anIdThatExistsIsRefused() {
    for (String id : new String[] {"tdx", "sw-protected"}) {
      var out = new ByteArrayOutputStream();
      var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
      int code =
          Main.run(
              new Console(stream, stream, false, false),
              "plugins",
              "new",
              id,
              "-d",
              folder.resolve(id).toString());
      assertThat(code).isEqualTo(ExitCode.USAGE);
      assertThat(out.toString(StandardCharsets.UTF_8))
          .contains("'" + id + "': there is a backend of that id", "choose another id");
      assertThat(folder.resolve(id)).doesNotExist();
    }
  }

  @Test
  void aNameThatIsNoIdIsRefused() {
    assertThatThrownBy(() -> new ProjectTemplate("My Vendor"))
        .hasMessageContaining("lower-case letters");
  }
}
