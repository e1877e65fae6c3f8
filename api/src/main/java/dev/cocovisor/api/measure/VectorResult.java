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
  /**
   * Takes the parts by their place, which may become more: build one by {@link #pass} or {@link
   * #fail} instead.
   */
  @API(status = API.Status.INTERNAL, since = "0.2")
  public VectorResult {}

  /** Returns that the model gave the expected answer. */
  public static VectorResult pass(String name) {
    return new VectorResult(name, true, "");
  }

  /**
   * Returns that the model gave another answer.
   *
   * @param detail expected and got
   */
  public static VectorResult fail(String name, String detail) {
    return new VectorResult(name, false, detail);
  }

  /** Returns a pass if the two texts are equal. */
  public static VectorResult equal(String name, String expected, String got) {
    return expected.equals(got) ? pass(name) : fail(name, "expected " + expected + ", got " + got);
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
      return fail(name, "the case is malformed: " + e.getMessage());
    }
    try {
      String got = HexFormat.of().formatHex(measure.get());
      return refusal ? fail(name, "expected a refusal, got " + got) : equal(name, expected, got);
    } catch (MalformedVector e) {
      return fail(name, "the case is malformed: " + e.getMessage());
    } catch (MeasureException e) {
      return refusal
          ? pass(name)
          : fail(name, "expected " + expected + ", refused: " + e.getMessage());
    }
  }
}
