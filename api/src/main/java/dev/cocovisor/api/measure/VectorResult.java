package dev.cocovisor.api.measure;

import java.util.HexFormat;
import java.util.Map;
import java.util.function.Supplier;
import org.apiguardian.api.API;

/**
 * The result of one vector.
 *
 * @param name the case's name
 * @param passed whether the model gave the expected answer
 * @param detail expected and got, where they differ; empty otherwise
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VectorResult(String name, boolean passed, String detail) {

  /** Returns a pass if the two texts are equal. */
  public static VectorResult equal(String name, String expected, String got) {
    return expected.equals(got)
        ? new VectorResult(name, true, "")
        : new VectorResult(name, false, "expected " + expected + ", got " + got);
  }

  /**
   * Runs one case: it passes if {@code measure} gives the digest in the case's {@code expected}, or
   * refuses its input where the case says {@code expectError}. Anything the case itself lacks is a
   * failure, never a pass.
   */
  public static VectorResult of(Map<String, ?> vectorCase, Supplier<byte[]> measure) {
    VectorFields fields = new VectorFields(vectorCase);
    String name = "(unnamed)";
    boolean refusal;
    String expected = "";
    try {
      name = fields.text("name");
      refusal = fields.flag("expectError");
      if (!refusal) {
        expected = fields.text("expected");
      }
    } catch (MalformedVector e) {
      return new VectorResult(name, false, "the case is malformed: " + e.getMessage());
    }
    try {
      String got = HexFormat.of().formatHex(measure.get());
      return refusal
          ? new VectorResult(name, false, "expected a refusal, got " + got)
          : equal(name, expected, got);
    } catch (MalformedVector e) {
      return new VectorResult(name, false, "the case is malformed: " + e.getMessage());
    } catch (MeasureException e) {
      return refusal
          ? new VectorResult(name, true, "")
          : new VectorResult(name, false, "expected " + expected + ", refused: " + e.getMessage());
    }
  }
}
