import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The same few mutants of core and trusted halves at each change: {@code conformance/mutants/draws}
 * says which, and one that lives has to be known to {@code docs/mutants.md}, with why.
 *
 * <p>A mutant is known by its class and method, what PIT did and the source line it did it to, not
 * by the line's number; as many of one line as the page has rows for it.
 */
final class Draws {
  private static final int MINUTES = 30;

  private record Known(String place, String what, String text) {
    static Known of(Pit.Mutant m) {
      return new Known(m.place(), m.what(), m.text());
    }

    String row() {
      return "| `%s` | %s | `%s` | |".formatted(place, what, text.replace("|", "\\|"));
    }
  }

  private final Path root = Path.of("").toAbsolutePath();

  public static void main(String[] args) throws Exception {
    System.exit(new Draws().run(List.of(args)));
  }

  private int run(List<String> wanted) throws Exception {
    List<Pit.Draw> draws = draws(wanted);
    if (draws.isEmpty()) {
      System.err.println("draws: none of " + wanted + " in conformance/mutants/draws");
      return 2;
    }
    Map<Known, Integer> known = known();
    var pit = new Pit(new Workbench(root, MINUTES * 60));
    List<Future<Pit.Judged>> results = new ArrayList<>();
    List<String> rows = new ArrayList<>();
    boolean whole = true;
    try (ExecutorService two = Executors.newFixedThreadPool(2)) {
      for (Pit.Draw d : draws) {
        Callable<Pit.Judged> task = () -> pit.judge(d);
        results.add(two.submit(task));
      }
      for (int i = 0; i < draws.size(); i++) {
        whole &= print(draws.get(i), of(results.get(i)), known, rows);
      }
    }
    if (!rows.isEmpty()) {
      System.out.println();
      System.out.println(
          "A mutant that lives and is not known: write a test of the rule it breaks,");
      System.out.println(
          "or a row of docs/mutants.md, between its marks \"survivors\", that says why:");
      rows.forEach(System.out::println);
    }
    return !rows.isEmpty() ? 1 : whole ? 0 : 4;
  }

  private static Pit.Judged of(Future<Pit.Judged> result) throws Exception {
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  /** Prints a draw's outcome and adds a row for each that lives and is not known. */
  private static boolean print(
      Pit.Draw draw, Pit.Judged judged, Map<Known, Integer> known, List<String> rows) {
    Map<Known, Integer> living = new LinkedHashMap<>();
    int killed = 0;
    boolean whole = judged.ended() && !judged.mutants().isEmpty();
    for (Pit.Mutant m : judged.mutants()) {
      killed += m.killed() ? 1 : 0;
      if (m.lives()) {
        var _ = living.merge(Known.of(m), 1, Integer::sum);
      } else if (!m.killed()) {
        System.out.println(
            "%s: %s:%d was not judged: %s".formatted(draw.name(), m.place(), m.line(), m.status()));
        whole = false;
      }
    }
    int told = 0;
    for (var e : living.entrySet()) {
      int fine = Math.min(e.getValue(), known.getOrDefault(e.getKey(), 0));
      told += fine;
      for (int i = fine; i < e.getValue(); i++) {
        rows.add(e.getKey().row());
      }
    }
    System.out.println(
        "%s mutants=%d killed=%d known=%d%s"
            .formatted(
                draw.name(),
                judged.mutants().size(),
                killed,
                told,
                judged.ended() ? "" : ", not ended after %d minutes".formatted(draw.minutes())));
    for (Known k : known.keySet()) {
      List<Pit.Mutant> drawn =
          judged.mutants().stream().filter(m -> Known.of(m).equals(k)).toList();
      if (!drawn.isEmpty() && drawn.stream().allMatch(m -> m.status().equals("KILLED"))) {
        System.out.println(draw.name() + ": killed now, its row can go: " + k.row());
      }
    }
    return whole;
  }

  /**
   * Reads what is drawn: a line has a name, a module, one of how many, what is mutated, and tests.
   */
  private List<Pit.Draw> draws(List<String> wanted) throws Exception {
    List<Pit.Draw> all = new ArrayList<>();
    for (String line : Files.readAllLines(root.resolve("conformance/mutants/draws"))) {
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      String[] f = line.strip().split("\\s+");
      if (f.length != 7) {
        throw new IllegalArgumentException(
            "conformance/mutants/draws: seven words a line: " + line);
      }
      if (wanted.isEmpty() || wanted.contains(f[0])) {
        all.add(
            new Pit.Draw(
                f[0],
                f[1],
                f[4],
                f[5],
                f[6].equals("-") ? "" : f[6],
                Integer.parseInt(f[2]),
                Integer.parseInt(f[3]),
                MINUTES));
      }
    }
    return all;
  }

  /** Reads the page's table of mutants that are known to live, and how often each is there. */
  private Map<Known, Integer> known() throws Exception {
    Map<Known, Integer> all = new LinkedHashMap<>();
    boolean in = false;
    for (String line : Files.readAllLines(root.resolve("docs/mutants.md"))) {
      if (line.startsWith("<!-- ")) {
        in = line.equals("<!-- survivors -->");
      }
      if (in && line.startsWith("| `")) {
        String[] cell = line.replace("\\|", "\u0000").split("\\|");
        if (cell.length < 5 || cell[4].isBlank()) {
          throw new IllegalArgumentException("docs/mutants.md does not say why: " + line);
        }
        var key = new Known(plain(cell[1]), plain(cell[2]), plain(cell[3]));
        var _ = all.merge(key, 1, Integer::sum);
      }
    }
    return all;
  }

  private static String plain(String cell) {
    return cell.strip().replaceAll("^`|`$", "").replace('\u0000', '|');
  }
}
