package dev.cocovisor.tck.report;

import java.util.Locale;

/**
 * What became of one rule.
 *
 * @param id the rule's id
 * @param name the rule in words: the method's name without prefix
 * @param source where the rule comes from
 * @param outcome how it ended
 * @param message what was claimed and seen, what was refused and how, or why nothing was judged;
 *     empty if the rule was shown
 * @param nanos how long it took
 */
public record RuleResult(
    String id, String name, String source, Outcome outcome, String message, long nanos) {
  /** How a rule ended. */
  public enum Outcome {
    /** The rule's own claim held. */
    SHOWN,
    /** The technology does not offer what the rule is about, and refused it as it documents. */
    REFUSED,
    /** Nothing was judged; the message says why. */
    UNJUDGED,
    /** Broken. */
    FAILED;

    /** Returns the word of reports: {@code shown}. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
