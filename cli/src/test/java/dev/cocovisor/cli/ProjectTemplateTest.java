package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.cli.plugin.ProjectTemplate;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProjectTemplateTest {
  @TempDir Path folder;

  @Test
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
    assertThat(project.resolve("repository/dev/cocovisor/cocovisor-api")).isDirectory();
  }

  @Test
  void aFolderInUseIsNotTouched() throws IOException {
    Files.writeString(folder.resolve("mine.txt"), "mine");
    assertThatThrownBy(() -> new ProjectTemplate("acme").write(folder))
        .hasMessageContaining("is not empty");
  }

  @Test
  void aNameThatIsNoIdIsRefused() {
    assertThatThrownBy(() -> new ProjectTemplate("My Vendor"))
        .hasMessageContaining("lower-case letters");
  }
}
