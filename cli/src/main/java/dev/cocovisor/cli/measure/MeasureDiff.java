package dev.cocovisor.cli.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Names the first step at which two measurements part, and says why. */
public final class MeasureDiff {
  private static final Pattern OFFSET = Pattern.compile("offset 0x([0-9a-f]+)$");
  private static final int PAGE = 4096;

  private final Console console;
  private final LaunchMeasurer measurer;
  private final String mode;
  private final Map<String, String> options;

  /**
   * One side.
   *
   * @param image the file's bytes, if it was measured here
   */
  @SuppressWarnings("ArrayRecordComponent") // read only
  private record Side(Path file, List<MeasureStep> steps, byte @Nullable [] image) {}

  public MeasureDiff(
      Console console, LaunchMeasurer measurer, String mode, Map<String, String> options) {
    this.console = console;
    this.measurer = measurer;
    this.mode = mode;
    this.options = options;
  }

  public int run(Path first, Path second, boolean json) throws IOException {
    Side a = side(first);
    Side b = side(second);
    int at = firstDifference(a.steps, b.steps);
    if (json) {
      console.json(document(a, b, at));
    } else if (at < 0) {
      console.out().println("equal: " + a.steps.size() + " steps");
    } else {
      console.out().println("first difference: step " + at);
      print("A", a, at);
      print("B", b, at);
      console.out().println("why: " + why(a, b, at));
      console.out().println(rest(a.steps, b.steps, at));
    }
    return at < 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private Side side(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + ": no such file");
    }
    Explanation saved = Explanation.read(file);
    if (saved != null) {
      return new Side(file, saved.steps(), null);
    }
    Map<String, String> with = new LinkedHashMap<>(options);
    with.put(measurer.mainInput(mode), file.toString());
    Explanation made = new Explanation();
    byte[] value = measurer.measure(mode, with, made.steps()::add);
    console.err().println(file + ": " + HexFormat.of().formatHex(value));
    return new Side(file, made.steps(), FirmwareImage.bytesOf(file));
  }

  /** Returns the first step that differs in anything but its origin; -1 if none does. */
  private static int firstDifference(List<MeasureStep> a, List<MeasureStep> b) {
    int common = Math.min(a.size(), b.size());
    for (int i = 0; i < common; i++) {
      if (!same(a.get(i), b.get(i)) || !a.get(i).running().equals(b.get(i).running())) {
        return i;
      }
    }
    return a.size() == b.size() ? -1 : common;
  }

  private static boolean same(MeasureStep a, MeasureStep b) {
    return a.type().equals(b.type())
        && a.gpa() == b.gpa()
        && a.contentHash().equals(b.contentHash());
  }

  private void print(String label, Side side, int at) {
    if (at >= side.steps.size()) {
      console
          .out()
          .println("  " + label + ": ends here, after " + at + " steps (" + side.file + ")");
      return;
    }
    MeasureStep s = side.steps.get(at);
    console
        .out()
        .println(
            "  %s: %s %s content %s (%s)"
                .formatted(
                    label,
                    s.type(),
                    Explanation.gpa(s),
                    s.contentHash().isEmpty() ? "-" : s.contentHash(),
                    s.origin()));
  }

  private static String why(Side a, Side b, int at) {
    if (at >= a.steps.size() || at >= b.steps.size()) {
      boolean more = at < a.steps.size();
      int extra = Math.abs(a.steps.size() - b.steps.size());
      return "%s measures %d more steps".formatted(more ? "A" : "B", extra);
    }
    MeasureStep x = a.steps.get(at);
    MeasureStep y = b.steps.get(at);
    if (!x.type().equals(y.type()) && x.gpa() == y.gpa()) {
      return "the same page enters as %s in A and as %s in B".formatted(x.type(), y.type());
    }
    if (x.gpa() != y.gpa() || !x.type().equals(y.type())) {
      return "another page comes here: " + order(a.steps, b.steps, at);
    }
    if (!x.contentHash().equals(y.contentHash())) {
      return content(a, b, x, y);
    }
    if (!x.origin().equals(y.origin())) {
      return "what is measured differs: A has %s, B has %s".formatted(x.origin(), y.origin());
    }
    return "the page is the same, but the measurements it extends are not: they start from"
        + " different values";
  }

  private static String order(List<MeasureStep> a, List<MeasureStep> b, int at) {
    int inB = find(b, at, a.get(at));
    int inA = find(a, at, b.get(at));
    if (inA >= 0 && inB >= 0) {
      return "the order differs, A's page is step %d of B and B's page is step %d of A"
          .formatted(inB, inA);
    }
    if (inA >= 0) {
      return "B lacks %d page(s) of A, its page is step %d of A".formatted(inA - at, inA);
    }
    if (inB >= 0) {
      return "A lacks %d page(s) of B, its page is step %d of B".formatted(inB - at, inB);
    }
    return "neither page enters the other measurement later";
  }

  private static int find(List<MeasureStep> list, int from, MeasureStep page) {
    for (int i = from; i < list.size(); i++) {
      if (list.get(i).type().equals(page.type()) && list.get(i).gpa() == page.gpa()) {
        return i;
      }
    }
    return -1;
  }

  private static String content(Side a, Side b, MeasureStep x, MeasureStep y) {
    int inA = offset(a, x);
    int inB = offset(b, y);
    byte[] left = a.image;
    byte[] right = b.image;
    if (left != null && right != null && inA >= 0 && inB >= 0) {
      int length = Math.min(PAGE, Math.min(left.length - inA, right.length - inB));
      int byteAt = Arrays.mismatch(left, inA, inA + length, right, inB, inB + length);
      if (byteAt >= 0 && byteAt < length) {
        return "the page's content differs, first at its byte 0x%x: 0x%02x in A (file offset 0x%x), 0x%02x in B (file offset 0x%x)"
            .formatted(byteAt, left[inA + byteAt], inA + byteAt, right[inB + byteAt], inB + byteAt);
      }
    }
    return x.origin().equals(y.origin())
        ? "the page's content differs"
        : "the page's content differs: A has %s, B has %s".formatted(x.origin(), y.origin());
  }

  /** Returns where in the measured file the page's content lies; -1 if it is not from there. */
  private static int offset(Side side, MeasureStep step) {
    Path name = side.file.getFileName();
    Matcher m = OFFSET.matcher(step.origin());
    return name != null && m.find() && step.origin().contains(name + " offset ")
        ? (int) Long.parseLong(m.group(1), 16)
        : -1;
  }

  private static String rest(List<MeasureStep> a, List<MeasureStep> b, int at) {
    int common = Math.min(a.size(), b.size());
    int differ = 0;
    for (int i = at; i < common; i++) {
      if (!same(a.get(i), b.get(i))) {
        differ++;
      }
    }
    return "steps: A %d, B %d; from step %d on %d differ by type, address or content"
        .formatted(a.size(), b.size(), at, differ);
  }

  private Map<String, Object> document(Side a, Side b, int at) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("format", Explanation.FORMAT);
    out.put("version", 1);
    out.put("mode", mode);
    out.put("equal", at < 0);
    if (at >= 0) {
      out.put("step", at);
      out.put("a", at < a.steps.size() ? Explanation.step(a.steps.get(at)) : null);
      out.put("b", at < b.steps.size() ? Explanation.step(b.steps.get(at)) : null);
      out.put("why", why(a, b, at));
    }
    return out;
  }
}
