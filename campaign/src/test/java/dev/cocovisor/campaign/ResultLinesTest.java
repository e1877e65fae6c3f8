package dev.cocovisor.campaign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.campaign.work.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultLinesTest {
  private static final int ITEMS = 10;

  @TempDir private Path folder;

  private static Set<String> round(int number) {
    return IntStream.range(0, ITEMS)
        .mapToObj(i -> "0|" + number + " é" + i)
        .collect(Collectors.toSet());
  }

  private static Result result(String item) {
    return new Result(
        item,
        item.length(),
        0,
        0,
        0,
        new TreeSet<>(),
        new TreeSet<>(Set.of("a before b at " + item)),
        new TreeMap<>(),
        List.of(),
        List.of(),
        "",
        true,
        List.of(),
        1);
  }

  @Test
  void memoryHoldsOneRoundHoweverManyThereWere() throws IOException {
    Path file = folder.resolve("results.jsonl");
    try (var lines = ResultLines.open(file)) {
      for (int r = 0; r < 200; r++) {
        lines.begin(round(r));
        assertThat(lines.known()).isZero();
        for (String item : round(r)) {
          lines.keep(result(item));
          lines.keep(result(item));
        }
        assertThat(lines.known()).isEqualTo(ITEMS);
        for (String item : round(r)) {
          assertThat(lines.of(item)).isEqualTo(result(item));
        }
      }
    }
    assertThat(Files.readAllLines(file)).hasSize(200 * ITEMS);
  }

  @Test
  void whatWasKeptIsReadOnRoundByRound() throws IOException {
    Path file = folder.resolve("results.jsonl");
    try (var lines = ResultLines.open(file)) {
      for (int r = 0; r < 3; r++) {
        lines.begin(round(r));
        for (String item : round(r)) {
          if (r < 2 || !item.endsWith("7")) {
            lines.keep(result(item));
          }
        }
      }
    }
    Files.writeString(file, "{\"item\":\"0|2", StandardOpenOption.APPEND);
    try (var lines = ResultLines.open(file)) {
      for (int r = 0; r < 2; r++) {
        lines.begin(round(r));
        assertThat(lines.known()).isEqualTo(ITEMS);
      }
      lines.begin(round(2));
      assertThat(lines.known()).isEqualTo(ITEMS - 1);
      assertThat(lines.of("0|2 é7")).isNull();
      lines.keep(result("0|2 é7"));
      assertThat(lines.of("0|2 é7")).isEqualTo(result("0|2 é7"));
      lines.begin(round(3));
      assertThat(lines.known()).isZero();
    }
    assertThat(Files.readAllLines(file)).hasSize(3 * ITEMS).noneMatch(l -> l.endsWith("0|2"));
  }
}
