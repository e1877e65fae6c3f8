package dev.cocovisor.api;

import java.util.Collection;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Finds what somebody meant who wrote a name that nobody knows.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class Nearest {
  private Nearest() {}

  /**
   * Returns the known name that needs the fewest letters changed, added, left out or swapped with
   * their neighbour; the first of several. Null where none is near: more than a third of the
   * letters differ.
   */
  public static @Nullable String to(String written, Collection<String> known) {
    String best = null;
    int least = Math.max(1, written.length() / 3) + 1;
    for (String name : known) {
      int d = distance(written, name);
      if (d < least) {
        least = d;
        best = name;
      }
    }
    return best;
  }

  /**
   * Returns the sentence that refuses a name: {@code no setting 'core.cpu': did you mean
   * core.cpus?}, or with all that there are, sorted, where none is near.
   *
   * @param what what kind of thing is named: {@code setting}, {@code step}
   */
  public static String refusal(String what, String written, Collection<String> known) {
    String meant = to(written, known);
    String text = "no " + what + " '" + written + "': ";
    if (meant != null) {
      return text + "did you mean " + meant + "?";
    }
    return text
        + (known.isEmpty()
            ? "there is none"
            : "there are " + String.join(", ", known.stream().sorted().toList()));
  }

  /** Optimal string alignment: insertions, deletions, changes, swaps of neighbours. */
  private static int distance(String a, String b) {
    int[] before = new int[b.length() + 1];
    int[] above = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      above[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        row[j] = Math.min(Math.min(row[j - 1], above[j]) + 1, above[j - 1] + change);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          row[j] = Math.min(row[j], before[j - 2] + 1);
        }
      }
      int[] free = before;
      before = above;
      above = row;
      row = free;
    }
    return above[b.length()];
  }
}
