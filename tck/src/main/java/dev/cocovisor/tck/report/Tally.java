package dev.cocovisor.tck.report;

import dev.cocovisor.tck.report.RuleResult.Outcome;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the rules amount to.
 *
 * @param rules how many ran
 * @param shown whose own claim held
 * @param refused that the technology does not offer and refused as documented
 * @param unjudged that said nothing
 * @param failed that are broken
 */
public record Tally(long rules, long shown, long refused, long unjudged, long failed) {
  /** Counts results. */
  public static Tally of(List<RuleResult> results) {
    return new Tally(
        results.size(),
        count(results, Outcome.SHOWN),
        count(results, Outcome.REFUSED),
        count(results, Outcome.UNJUDGED),
        count(results, Outcome.FAILED));
  }

  private static long count(List<RuleResult> results, Outcome outcome) {
    return results.stream().filter(r -> r.outcome() == outcome).count();
  }

  /** Returns the last line of a report. */
  @Override
  public String toString() {
    return "rules="
        + rules
        + " shown="
        + shown
        + " refused="
        + refused
        + " unjudged="
        + unjudged
        + " failed="
        + failed;
  }

  /** Returns the lines that head a report: who is judged, what it claims and what it does not. */
  public static List<String> head(JudgedBackend subject) {
    List<String> lines = new ArrayList<>();
    lines.add(subject + " " + subject.backend().info().version());
    lines.add(
        "  claims: "
            + (subject.claims().isEmpty() ? "nothing" : words(List.copyOf(subject.claims()))));
    if (!subject.missingClaims().isEmpty()) {
      lines.add(
          "  NOT CONFIDENTIAL: it does not claim that "
              + words(List.copyOf(subject.missingClaims())));
    }
    return lines;
  }

  private static String words(List<Claim> claims) {
    return claims.stream().sorted().map(Claim::says).collect(Collectors.joining("; "));
  }
}
