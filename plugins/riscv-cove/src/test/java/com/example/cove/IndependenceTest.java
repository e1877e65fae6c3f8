package com.example.cove;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the parts may know: the published api, and the trusted half nothing of KVM's. */
class IndependenceTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("cocovisor.root"), "plugins/riscv-cove/src/main/java");

  private static List<String> imports(String under, Predicate<String> which) throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES.resolve(under))) {
      List<Path> java = files.filter(f -> f.toString().endsWith(".java")).toList();
      assertTrue(java.size() > 1, "no sources under " + under);
      return java.stream()
          .flatMap(f -> {
            try {
              return Files.readAllLines(f).stream();
            } catch (IOException e) {
              throw new IllegalStateException(e);
            }
          })
          .filter(line -> line.startsWith("import "))
          .map(line -> line.replaceAll("^import (static )?|;$", ""))
          .filter(which)
          .distinct()
          .toList();
    }
  }

  @Test
  void onlyTheApiOfCocovisorIsUsed() throws IOException {
    List<String> other =
        imports("", i -> i.startsWith("dev.cocovisor.") && !i.startsWith("dev.cocovisor.api."));
    assertTrue(other.isEmpty(), other::toString);
  }

  @Test
  void theTrustedHalfKnowsNeitherKvmNorTheGuest() throws IOException {
    List<String> other =
        imports(
            "com/example/cove/tsm",
            i -> i.startsWith("com.example.") && !i.startsWith("com.example.cove.tsm."));
    assertTrue(other.isEmpty(), other::toString);
    List<String> core =
        imports(
            "com/example/cove/tsm",
            i ->
                i.startsWith("dev.cocovisor.api.")
                    && !i.equals("dev.cocovisor.api.PageLevel")
                    && !i.startsWith("dev.cocovisor.api.mem.")
                    && !i.startsWith("dev.cocovisor.api.sched.")
                    && !i.startsWith("dev.cocovisor.api.trace.")
                    && !i.startsWith("dev.cocovisor.api.trusted."));
    assertTrue(core.isEmpty(), core::toString);
  }
}
