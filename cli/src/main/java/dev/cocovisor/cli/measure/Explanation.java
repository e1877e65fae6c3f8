package dev.cocovisor.cli.measure;

import dev.cocovisor.api.measure.MeasureExtras;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The steps of a measurement, as {@code --explain} prints and {@code --diff} reads them: one line a
 * step (number, type, address, content hash, measurement after it, origin), or JSON. A value that
 * does not exist is {@code -}.
 */
public final class Explanation {
  /** The version of both forms. */
  public static final String FORMAT = "cocovisor-measure/1";

  private static final String HEAD = "# " + FORMAT;

  private final List<MeasureStep> steps = new ArrayList<>();

  public List<MeasureStep> steps() {
    return steps;
  }

  public void print(String mode, PrintStream out) {
    out.println(HEAD + " mode=" + mode);
    out.println("# step type gpa content running origin");
    for (int i = 0; i < steps.size(); i++) {
      MeasureStep s = steps.get(i);
      out.println(
          "%d %s %s %s %s %s"
              .formatted(
                  i, s.type(), gpa(s), mark(s.contentHash()), mark(s.running()), s.origin()));
    }
  }

  /** Puts the documents of several modes into one. */
  public static Map<String, Object> family(String name, List<Map<String, Object>> documents) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("format", FORMAT);
    out.put("version", 1);
    out.put("mode", name);
    out.put("measurements", documents);
    return out;
  }

  public Map<String, Object> document(
      String mode, String measurement, boolean withSteps, MeasureExtras extras) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("format", FORMAT);
    out.put("version", 1);
    out.put("mode", mode);
    out.put("measurement", measurement);
    out.putAll(extras.lines());
    if (!extras.faults().isEmpty()) {
      out.put("faults", extras.faults());
    }
    if (withSteps) {
      List<Map<String, Object>> list = new ArrayList<>();
      for (MeasureStep s : steps) {
        list.add(step(s));
      }
      out.put("steps", list);
    }
    return out;
  }

  public static Map<String, Object> step(MeasureStep s) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("type", s.type());
    out.put("gpa", gpa(s));
    out.put("content", mark(s.contentHash()));
    out.put("running", mark(s.running()));
    out.put("origin", s.origin());
    return out;
  }

  public static String gpa(MeasureStep s) {
    return s.gpa() == -1 ? "-" : "0x" + Long.toHexString(s.gpa());
  }

  private static String mark(String hex) {
    return hex.isEmpty() ? "-" : hex;
  }

  private static String unmark(String text) {
    return text.equals("-") ? "" : text;
  }

  /** Reads saved output of {@code --explain}; null if the file is something else. */
  public static @Nullable Explanation read(Path file) throws IOException {
    byte[] head;
    try (var in = Files.newInputStream(file)) {
      head = in.readNBytes(64);
    }
    String start = new String(head, StandardCharsets.ISO_8859_1).stripLeading();
    if (start.startsWith(HEAD)) {
      return readText(file);
    }
    return start.startsWith("{") ? readJson(file) : null;
  }

  private static Explanation readText(Path file) throws IOException {
    Explanation out = new Explanation();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      if (line.isBlank() || line.startsWith("#") || line.startsWith("measurement ")) {
        continue;
      }
      String[] f = line.split(" ", 6);
      if (f.length != 6) {
        throw new UsageException(file + ":" + number + ": not a step: " + line);
      }
      out.steps.add(
          MeasureStep.at(f[1], address(file, number, f[2]))
              .withOrigin(f[5])
              .withContentHash(unmark(f[3]))
              .withRunning(unmark(f[4])));
    }
    return out;
  }

  private static Explanation readJson(Path file) {
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(file.toFile());
    } catch (JacksonException e) {
      throw new UsageException(file + ": not JSON: " + e.getOriginalMessage());
    }
    if (!FORMAT.equals(root.path("format").asString("")) || !root.has("steps")) {
      throw new UsageException(file + ": not saved by --explain --json");
    }
    Explanation out = new Explanation();
    int number = 0;
    for (JsonNode s : root.get("steps")) {
      out.steps.add(
          MeasureStep.at(
                  s.path("type").asString(""), address(file, number, s.path("gpa").asString("")))
              .withOrigin(s.path("origin").asString(""))
              .withContentHash(unmark(s.path("content").asString("")))
              .withRunning(unmark(s.path("running").asString(""))));
      number++;
    }
    return out;
  }

  private static long address(Path file, int number, String text) {
    if (text.equals("-")) {
      return -1;
    }
    try {
      return Long.decode(text);
    } catch (NumberFormatException e) {
      throw new UsageException(file + ":" + number + ": not an address: " + text);
    }
  }
}
