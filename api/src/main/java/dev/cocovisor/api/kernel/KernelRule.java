package dev.cocovisor.api.kernel;

import java.util.ArrayList;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * One row of the table of what differs between kernels: a question, and the answers kernels give
 * it, the oldest first. An answer carries the strategy that the model's code follows, what it says
 * in words, its source, and who saw it.
 *
 * <p>Rows are constants; they are compared by identity and named by their id.
 *
 * @param <S> what the code asks a kernel for: a value, or an object with a method
 * @since 0.3
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.3")
public final class KernelRule<S> {
  /**
   * How sure an answer is.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  public enum Grade {
    /** A log of that kernel shows it. */
    RECORDED,
    /** Read in the source or in the patches, never seen. */
    READ
  }

  /**
   * One state of a rule.
   *
   * @param since the first release that has it; null where all older ones do
   * @param option what else decides; null for the release alone
   * @param wanted how the option has to be
   * @param strategy what the code follows
   * @param says the rule in words
   * @param source commit, file and function
   * @param witness the log that shows it, or who read it where
   * @param grade whether it was seen
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  public record Answer<S>(
      @Nullable KernelVersion since,
      @Nullable KernelOption option,
      boolean wanted,
      S strategy,
      String says,
      String source,
      String witness,
      Grade grade) {
    boolean holds(KernelProfile kernel) {
      KernelOption asked = option;
      if (asked != null) {
        return kernel.has(asked) == wanted;
      }
      KernelVersion first = since;
      return first == null || kernel.version().compareTo(first) >= 0;
    }

    /** Returns since when it holds, in words. */
    public String sinceText() {
      KernelVersion first = since;
      KernelOption asked = option;
      String release = first == null ? "" : first.toString();
      String choice = asked == null ? "" : asked.setting() + "=" + (wanted ? 1 : 0);
      return release.isEmpty() && choice.isEmpty()
          ? "before"
          : release.isEmpty() || choice.isEmpty() ? release + choice : release + ", " + choice;
    }
  }

  private final String id;
  private final String question;
  private final List<Answer<S>> answers;

  private KernelRule(String id, String question, List<Answer<S>> answers) {
    this.id = id;
    this.question = question;
    this.answers = List.copyOf(answers);
  }

  /** Returns the name it goes by: lower-case letters, digits and dashes. */
  public String id() {
    return id;
  }

  /** Returns what the row is about, as a question. */
  public String question() {
    return question;
  }

  /** Returns the answers, the oldest first; at least two. */
  public List<Answer<S>> answers() {
    return answers;
  }

  /** Returns which answer a kernel gives by its release and options: the last that holds. */
  int indexOn(KernelProfile kernel) {
    int found = 0;
    for (int i = 0; i < answers.size(); i++) {
      if (answers.get(i).holds(kernel)) {
        found = i;
      }
    }
    return found;
  }

  @Override
  public String toString() {
    return id;
  }

  /** Begins a row. */
  public static <S> Row<S> row(String id, String question) {
    return new Row<>(id, question);
  }

  /**
   * A row that is being written; {@link #end} makes the rule.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  public static final class Row<S> {
    private final String id;
    private final String question;
    private final List<Answer<S>> answers = new ArrayList<>();

    private Row(String id, String question) {
      if (!id.matches("[a-z0-9-]+")) {
        throw new IllegalArgumentException("rule '" + id + "': lower-case letters, digits, '-'");
      }
      this.id = id;
      this.question = question;
    }

    /** Adds what the oldest kernels do. */
    public Row<S> before(S strategy, String says, String source, String witness, Grade grade) {
      return add(new Answer<>(null, null, true, strategy, says, source, witness, grade));
    }

    /** Adds what kernels from a release on do. */
    public Row<S> since(
        String release, S strategy, String says, String source, String witness, Grade grade) {
      KernelVersion first = KernelVersion.of(release);
      return add(new Answer<>(first, null, true, strategy, says, source, witness, grade));
    }

    /**
     * Adds what a kernel does where an option is so, whatever its release.
     *
     * @param release when the option came, for the reader; null where it always was
     */
    public Row<S> where(
        KernelOption option,
        boolean wanted,
        @Nullable String release,
        S strategy,
        String says,
        String source,
        String witness,
        Grade grade) {
      KernelVersion first = release == null ? null : KernelVersion.of(release);
      return add(new Answer<>(first, option, wanted, strategy, says, source, witness, grade));
    }

    private Row<S> add(Answer<S> answer) {
      answers.add(answer);
      return this;
    }

    /**
     * Returns the rule.
     *
     * @throws IllegalStateException if there are no two answers, or the first needs a condition
     */
    public KernelRule<S> end() {
      if (answers.size() < 2
          || answers.getFirst().since() != null
          || answers.getFirst().option() != null) {
        throw new IllegalStateException("rule " + id + ": what was before, and what came then");
      }
      return new KernelRule<>(id, question, answers);
    }
  }
}
