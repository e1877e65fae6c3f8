package dev.cocovisor.api.log;

import java.util.Map;
import java.util.Set;
import org.apiguardian.api.API;

/**
 * The words of call logs that belong to one technology, beside the names of its VM types.
 *
 * @param meaning names of ioctls and guest actions ({@code guest_…}) by which a log that names no
 *     technology and none of its VM types means this one: it was recorded on such a host
 * @param answers by the name of a guest action without {@code guest_}, the name under which logs
 *     print the value it answers, empty where they print none; for an action that is not listed it
 *     is {@code value}, and left out where it is -1
 * @param recorded what the host of such a log had set, by the full names of settings
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record LogWords(
    Set<String> meaning, Map<String, String> answers, Map<String, String> recorded) {
  /** Nothing of its own. */
  public static final LogWords NONE = new LogWords(Set.of(), Map.of());

  /** The words of the actions every guest has. */
  public static final LogWords KERNEL =
      new LogWords(
          Set.of(),
          Map.of("read", "value", "write", "", "fetch", "", "hypercall", "rax", "resume", "rax"));

  /** Words of a host that had nothing set. */
  public LogWords(Set<String> meaning, Map<String, String> answers) {
    this(meaning, answers, Map.of());
  }

  /** Keeps copies. */
  public LogWords {
    recorded = Map.copyOf(recorded);
    meaning = Set.copyOf(meaning);
    answers = Map.copyOf(answers);
  }
}
