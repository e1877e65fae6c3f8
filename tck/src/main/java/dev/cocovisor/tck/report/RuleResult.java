package dev.cocovisor.tck.report;

/**
 * What became of one rule.
 *
 * @param id the rule's id
 * @param name the rule in words: the method's name without prefix
 * @param source where the rule comes from
 * @param outcome how it ended
 * @param message what was claimed and seen, or why the rule was skipped; empty if it was kept
 * @param nanos how long it took
 */
public record RuleResult(
    String id, String name, String source, Outcome outcome, String message, long nanos) {
  /** How a rule ended. */
  public enum Outcome {
    /** Kept. */
    PASSED,
    /** Broken. */
    FAILED,
    /** Not run; the message says why. */
    SKIPPED
  }
}
