package dev.cocovisor.report.results;

import java.util.List;

/**
 * Writes verdicts as the kernel's tests do, KTAP version 1 ({@code
 * Documentation/dev-tools/ktap.rst} ): what is said of a case stands before it as a remark.
 */
public final class Ktap {
  private Ktap() {}

  /**
   * Returns the document.
   *
   * @param head lines that become remarks at its beginning
   * @param foot a last remark, as the command's summary
   */
  public static String of(List<String> head, List<Case> cases, String foot) {
    var out = new StringBuilder("KTAP version 1\n");
    head.forEach(l -> out.append("# ").append(oneLine(l)).append('\n'));
    out.append("1..").append(cases.size()).append('\n');
    int number = 0;
    for (Case c : cases) {
      number++;
      boolean skipped = c.verdict() == Case.Verdict.SKIPPED;
      if (!c.message().isEmpty() && !skipped) {
        out.append("# ").append(oneLine(c.message())).append('\n');
      }
      if (c.verdict() == Case.Verdict.FAILED) {
        c.details().forEach(d -> out.append("# ").append(oneLine(d)).append('\n'));
      }
      out.append(c.verdict() == Case.Verdict.FAILED ? "not ok " : "ok ")
          .append(number)
          .append(' ')
          .append(name(c.name()))
          .append(skipped ? " # SKIP " + oneLine(c.message()) : "")
          .append('\n');
    }
    return out.append("# ").append(oneLine(foot)).append('\n').toString();
  }

  /** A number sign in a description would begin a directive. */
  private static String name(String text) {
    return oneLine(text).replace("#", "no.");
  }

  private static String oneLine(String text) {
    return text.strip().replaceAll("\\s*\\n\\s*", "; ");
  }
}
