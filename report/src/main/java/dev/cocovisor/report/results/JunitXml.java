package dev.cocovisor.report.results;

import java.util.List;
import java.util.Locale;

/** Writes verdicts in the XML that build servers read. */
public final class JunitXml {
  private JunitXml() {}

  /**
   * Returns the document.
   *
   * @param suite the name of all the cases together
   */
  public static String of(String suite, List<Case> cases) {
    var xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.append("<testsuite name=\"").append(escaped(suite)).append('"');
    xml.append(" tests=\"").append(cases.size()).append('"');
    xml.append(" failures=\"").append(Case.count(cases, Case.Verdict.FAILED)).append('"');
    xml.append(" skipped=\"").append(Case.count(cases, Case.Verdict.SKIPPED)).append('"');
    xml.append(" errors=\"0\" time=\"")
        .append(seconds(cases.stream().mapToLong(Case::nanos).sum()))
        .append("\">\n");
    cases.forEach(c -> one(c, xml));
    return xml.append("</testsuite>\n").toString();
  }

  private static void one(Case c, StringBuilder xml) {
    xml.append("  <testcase classname=\"")
        .append(escaped(c.group()))
        .append("\" name=\"")
        .append(escaped(c.name()))
        .append("\" time=\"")
        .append(seconds(c.nanos()))
        .append('"');
    String inside = properties(c) + verdict(c);
    xml.append(inside.isEmpty() ? "/>\n" : ">\n" + inside + "  </testcase>\n");
  }

  private static String properties(Case c) {
    return c.outcome().isEmpty()
        ? ""
        : "    <properties><property name=\"outcome\" value=\""
            + escaped(c.outcome())
            + "\"/></properties>\n";
  }

  private static String verdict(Case c) {
    String message = escaped(c.message());
    return switch (c.verdict()) {
      case PASSED -> message.isEmpty() ? "" : "    <system-out>" + message + "</system-out>\n";
      case SKIPPED -> "    <skipped message=\"" + message + "\"/>\n";
      case FAILED ->
          "    <failure message=\""
              + message
              + "\">"
              + escaped(String.join("\n", c.details()))
              + "</failure>\n";
    };
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f", nanos / 1e9);
  }

  private static String escaped(String text) {
    var out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\n' -> out.append("&#10;");
        // XML 1.0 has no other control characters, nor the two that end the plane.
        default -> out.append(c < ' ' || c == '\ufffe' || c == '\uffff' ? '?' : c);
      }
    }
    return out.toString();
  }
}
