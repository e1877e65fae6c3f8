package dev.cocovisor.tck.report;

import java.util.List;
import java.util.Locale;

/** Writes results in the XML that build servers read. */
public final class JunitXml {
  private JunitXml() {}

  /** Returns the document for one subject. */
  public static String of(String backend, List<RuleResult> results) {
    StringBuilder xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.append("<testsuite name=\"cocovisor tck ").append(escape(backend)).append('"');
    xml.append(" tests=\"").append(results.size()).append('"');
    xml.append(" failures=\"").append(count(results, RuleResult.Outcome.FAILED)).append('"');
    xml.append(" skipped=\"").append(count(results, RuleResult.Outcome.UNJUDGED)).append('"');
    xml.append(" errors=\"0\" time=\"")
        .append(seconds(results.stream().mapToLong(RuleResult::nanos).sum()))
        .append("\">\n");
    for (RuleResult r : results) {
      xml.append("  <testcase classname=\"dev.cocovisor.tck.BackendTck\" name=\"")
          .append(escape(r.id() + " " + r.name()))
          .append("\" time=\"")
          .append(seconds(r.nanos()));
      switch (r.outcome()) {
        case SHOWN -> xml.append("\"/>\n");
        case REFUSED ->
            xml.append("\">\n    <system-out>refused: ")
                .append(escape(r.message()))
                .append("</system-out>\n  </testcase>\n");
        case FAILED ->
            xml.append("\">\n    <failure message=\"")
                .append(escape(r.message()))
                .append("\">source: ")
                .append(escape(r.source()))
                .append("</failure>\n  </testcase>\n");
        case UNJUDGED ->
            xml.append("\">\n    <skipped message=\"")
                .append(escape(r.message()))
                .append("\"/>\n  </testcase>\n");
      }
    }
    return xml.append("</testsuite>\n").toString();
  }

  private static long count(List<RuleResult> results, RuleResult.Outcome outcome) {
    return results.stream().filter(r -> r.outcome() == outcome).count();
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f", nanos / 1e9);
  }

  private static String escape(String text) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\n' -> out.append("&#10;");
        default -> out.append(c < ' ' ? '?' : c);
      }
    }
    return out.toString();
  }
}
