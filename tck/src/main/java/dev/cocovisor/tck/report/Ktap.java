package dev.cocovisor.tck.report;

import java.util.List;

/**
 * Writes results as the kernel's tests do, KTAP version 1 ({@code Documentation/dev-tools/ktap.rst}
 * ): a rule that was not judged is skipped, a refusal that was shown is a remark.
 */
public final class Ktap {
  private Ktap() {}

  /**
   * Returns the document for one subject.
   *
   * @param head lines that become remarks
   */
  public static String of(List<String> head, List<RuleResult> results) {
    StringBuilder out = new StringBuilder("KTAP version 1\n");
    head.forEach(l -> out.append("# ").append(l.strip()).append('\n'));
    out.append("1..").append(results.size()).append('\n');
    int number = 0;
    for (RuleResult r : results) {
      number++;
      String line = number + " " + r.id() + " " + r.name();
      switch (r.outcome()) {
        case SHOWN -> out.append("ok ").append(line).append('\n');
        case REFUSED -> out.append(remark(r)).append("ok ").append(line).append('\n');
        case UNJUDGED ->
            out.append("ok ").append(line).append(" # SKIP ").append(oneLine(r)).append('\n');
        case FAILED ->
            out.append(remark(r))
                .append("# source: ")
                .append(r.source())
                .append('\n')
                .append("not ok ")
                .append(line)
                .append('\n');
      }
    }
    return out.append("# ").append(Tally.of(results)).append('\n').toString();
  }

  private static String remark(RuleResult r) {
    return "# " + r.id() + ": " + oneLine(r) + "\n";
  }

  private static String oneLine(RuleResult r) {
    return r.message().replace('\n', ' ');
  }
}
