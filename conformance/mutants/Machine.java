import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Lets PIT try a seeded sample of the mutants of one module's packages, and prints how many are
 * killed, within what, and each that lives. {@code conformance/mutants/run --machine} starts it.
 *
 * <p>What a module mutates and by which tests is in its pom ({@code mutation.classes}, {@code
 * mutation.tests}), for Maven's profile as well.
 */
final class Machine {
  private final Path root = Path.of("").toAbsolutePath();
  private final String module;
  private String classes;
  private String tests;
  private String without = "";
  private int every = 1;
  private int seed = 1;
  private int minutes = 30;

  private Machine(String module) throws IOException {
    this.module = module;
    this.classes = Pit.property(root, module, "mutation.classes");
    this.tests = Pit.property(root, module, "mutation.tests");
  }

  public static void main(String[] args) throws Exception {
    if (args.length == 0 || args[0].startsWith("-")) {
      System.err.println("pit: which module? kvm-core, backend-tdx, backend-cca …");
      System.exit(2);
    }
    Machine self = new Machine(args[0]);
    for (int i = 1; i + 1 < args.length; i += 2) {
      String value = args[i + 1];
      switch (args[i]) {
        case "--classes" -> self.classes = value;
        case "--tests" -> self.tests = value;
        case "--without" -> self.without = value;
        case "--every" -> self.every = Integer.parseInt(value);
        case "--seed" -> self.seed = Integer.parseInt(value);
        case "--minutes" -> self.minutes = Integer.parseInt(value);
        default -> {
          System.err.println(
              "pit: "
                  + args[i]
                  + " is none of --classes, --tests, --without, --every, --seed, --minutes");
          System.exit(2);
        }
      }
    }
    if (self.classes.isEmpty()) {
      System.err.println("pit: the pom of " + self.module + " has no mutation.classes");
      System.exit(2);
    }
    System.exit(self.run() ? 0 : 1);
  }

  private boolean run() throws Exception {
    var pit = new Pit(new Workbench(root, minutes * 60));
    var draw = new Pit.Draw(module, module, classes, tests, without, every, seed, minutes);
    Pit.Judged judged = pit.judge(draw);
    print(judged.mutants());
    if (!judged.ended()) {
      System.out.println("not ended after " + minutes + " minutes: what there was is counted");
    }
    return judged.ended() && !judged.mutants().isEmpty();
  }

  private void print(List<Pit.Mutant> all) {
    Map<String, int[]> packages = new TreeMap<>();
    for (Pit.Mutant m : all) {
      for (String key : List.of(m.inPackage(), "all")) {
        int[] n = packages.computeIfAbsent(key, _ -> new int[3]);
        n[0]++;
        n[1] += m.killed() ? 1 : 0;
        n[2] += m.reached() ? 0 : 1;
      }
      if (!m.killed()) {
        System.out.println(
            "%s %s:%d %s: %s"
                .formatted(
                    m.lives() ? m.reached() ? "lives" : "not reached" : m.status(),
                    m.place(),
                    m.line(),
                    m.what(),
                    m.text()));
      }
    }
    packages.forEach((name, n) ->
        System.out.println(
            "%s mutants=%d killed=%d (%s) not_reached=%d"
                .formatted(name, n[0], n[1], share(n[1], n[0]), n[2])));
  }

  /** The share and its 95 % interval (Wilson), in per cent: all mutants there were have none. */
  private String share(int killed, int n) {
    double p = (double) killed / n;
    if (every == 1) {
      return "%.0f %%".formatted(100 * p);
    }
    double z = 1.96;
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z * Math.sqrt(p * (1 - p) / n + z * z / (4.0 * n * n)) / (1 + z * z / n);
    return "%.0f %%, %.0f to %.0f".formatted(100 * p, 100 * (middle - half), 100 * (middle + half));
  }
}
