package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * What the header of an example claims is shown by its steps.
 *
 * <p>A sentence of the header that claims something ends in a number in brackets; every sentence
 * but the first, which may only set the scene, does. Above a step that shows it stands {@code #
 * [N]}: the step's expectation is the proof. Where the proof is among the calls below the step,
 * {@code # [N] BACKEND: PATTERN} says what {@code run} prints there, and {@code # [N] BACKEND: no
 * PATTERN} what it does not print.
 */
class ExampleClaimsTest {
  private static final Pattern CLAIM = Pattern.compile("\\[(\\d+)]\\.$");
  private static final Pattern MARK = Pattern.compile("# \\[(\\d+)](?: ([a-z0-9-]+): (.*))?");

  /** What is said above a step: the claim it shows, and perhaps what is printed below it. */
  private record Mark(int claim, String step, int nth, String backend, String pattern) {}

  private static List<String> sentences(List<String> lines) {
    StringBuilder head = new StringBuilder();
    for (String line : lines) {
      if (!line.startsWith("#")) {
        break;
      }
      head.append(head.isEmpty() ? "" : " ").append(line.substring(1).strip());
    }
    return List.of(head.toString().split("(?<=\\.)\\s+"));
  }

  private static List<Mark> marks(List<String> lines) {
    List<Mark> marks = new ArrayList<>();
    List<Matcher> waiting = new ArrayList<>();
    Map<String, Integer> seen = new HashMap<>();
    for (String line : lines) {
      Matcher m = MARK.matcher(line);
      if (m.matches()) {
        waiting.add(m);
      } else if (!line.startsWith("#") && !line.isBlank() && !line.startsWith("expect(")) {
        String step = line.replaceAll("(?: =>.*|\\)(?: = .*)?)$", "");
        int nth = seen.merge(step, 1, Integer::sum);
        for (Matcher w : waiting) {
          String backend = w.group(2);
          marks.add(
              new Mark(
                  Integer.parseInt(w.group(1)),
                  step,
                  nth,
                  backend == null ? "" : backend,
                  backend == null ? "" : w.group(3)));
        }
        waiting.clear();
      }
    }
    assertThat(waiting).as("a mark with no step below it").isEmpty();
    return marks;
  }

  @Test
  void everyClaimOfAHeaderHasAStepThatShowsIt() throws IOException {
    int claims = 0;
    for (Path example : Examples.all()) {
      List<String> lines = Files.readAllLines(example);
      Set<Integer> claimed = new LinkedHashSet<>();
      List<String> sentences = sentences(lines);
      for (int i = 0; i < sentences.size(); i++) {
        Matcher m = CLAIM.matcher(sentences.get(i));
        if (m.find()) {
          assertThat(Integer.parseInt(m.group(1)))
              .as(example.toString())
              .isEqualTo(claimed.size() + 1);
          claimed.add(claimed.size() + 1);
        } else {
          assertThat(i).as(example + " claims without a number: " + sentences.get(i)).isZero();
        }
      }
      Set<Integer> shown = new LinkedHashSet<>();
      marks(lines).forEach(mark -> shown.add(mark.claim()));
      assertThat(claimed).as(example.toString()).isNotEmpty();
      assertThat(shown).as(example.toString()).containsExactlyInAnyOrderElementsOf(claimed);
      claims += claimed.size();
    }
    System.out.printf("examples=%d claims=%d%n", Examples.all().size(), claims);
  }

  @Test
  void whatAHeaderSaysOfTheCallsBelowAStepIsPrintedThere() throws IOException {
    List<String> wrong = new ArrayList<>();
    for (Path example : Examples.all()) {
      Map<String, List<String>> printed = new HashMap<>();
      for (Mark m : marks(Files.readAllLines(example))) {
        if (m.backend().isEmpty()) {
          continue;
        }
        List<String> run = printed.computeIfAbsent(m.backend(), b -> run(example, b));
        String below = below(run, m.step(), m.nth());
        boolean not = m.pattern().startsWith("no ");
        Pattern p = Pattern.compile(not ? m.pattern().substring(3) : m.pattern(), Pattern.DOTALL);
        if (p.matcher(below).find() == not) {
          wrong.add(
              example.getFileName()
                  + " ["
                  + m.claim()
                  + "] "
                  + m.backend()
                  + ": "
                  + m.pattern()
                  + "\n"
                  + m.step()
                  + "\n"
                  + below);
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  private static List<String> run(Path example, String backend) {
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    int code =
        Main.run(
            new Console(stream, stream, false, false),
            "run",
            example.toString(),
            "--backend",
            backend);
    assertThat(code).as(example + " on " + backend).isZero();
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  /** What is printed below the nth step that reads so. */
  private static String below(List<String> run, String step, int nth) {
    StringBuilder out = new StringBuilder();
    int seen = 0;
    boolean here = false;
    for (String line : run) {
      if (!line.startsWith(" ")) {
        seen += line.startsWith(step) ? 1 : 0;
        here = line.startsWith(step) && seen == nth;
      } else if (here) {
        out.append(line).append('\n');
      }
    }
    assertThat(seen).as("not printed: " + step).isGreaterThanOrEqualTo(nth);
    return out.toString();
  }
}
