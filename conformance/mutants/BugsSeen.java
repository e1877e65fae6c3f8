import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Asks the fast unit tests whether they notice the bugs of history. Writes the column "unit test"
 * of {@code docs/known-bugs.md}.
 *
 * <p>A bug is put into what hosts and trusted halves are made of where a test gives them nothing
 * else (a test that makes the very part itself does not meet it): {@code CoreParts.DEFAULT}, and
 * the steps of each trusted half. {@code conformance/mutants/run --bugs} starts it.
 */
final class BugsSeen {
  private static final int LIMIT_SECONDS = 900;

  /** Where a process finds the bug. */
  private static final List<Workbench.Edit> SEAM =
      List.of(
          edit(
              "kvm-core/src/main/java/dev/cocovisor/core/CoreParts.java",
              "DEFAULT = new CoreParts( FrameAllocator::buddy, GmemFile::create, VmParts.DEFAULT,"
                  + " InvariantChecker.STANDARD, Interposer.NONE, Parts.NONE);",
              "DEFAULT = dev.cocovisor.bugs.entry.InstalledBug.parts(new CoreParts("
                  + "FrameAllocator::buddy, GmemFile::create, VmParts.DEFAULT,"
                  + " InvariantChecker.STANDARD, Interposer.NONE, Parts.NONE));"),
          edit(
              "kvm-core/src/main/java/dev/cocovisor/core/Kvm.java",
              "this.backends = List.copyOf(backends);",
              "this.backends = dev.cocovisor.bugs.entry.InstalledBug.backends(backends);"),
          edit(
              "backend-pkvm/src/main/java/dev/cocovisor/pkvm/hyp/HypSteps.java",
              "LINUX = new HypSteps();",
              "LINUX = dev.cocovisor.bugs.entry.InstalledBug.part(HypSteps.class, new"
                  + " HypSteps());"),
          edit(
              "backend-cca/src/main/java/dev/cocovisor/cca/rmm/table/Steps.java",
              "RELEASED = new Steps();",
              "RELEASED = dev.cocovisor.bugs.cca.InstalledRmmBug.steps(new Steps());"),
          edit(
              "backend-cca/src/main/java/dev/cocovisor/cca/rmm/op/Safeguards.java",
              "ALL = new Safeguards();",
              "ALL = dev.cocovisor.bugs.cca.InstalledRmmBug.safeguards(new Safeguards());"));

  /** Whose tests are asked, in order, by what a bug is of. */
  private static final Map<String, List<String>> TESTS =
      Map.of(
          "TDX", List.of("backend-tdx"),
          "SEV-SNP", List.of("backend-sev-snp"),
          "pKVM", List.of("backend-pkvm"),
          "CCA", List.of("backend-cca"),
          "RISC-V", List.of("plugins/riscv-cove"));

  private static final List<String> TESTS_OF_THE_CORE =
      List.of("kvm-core", "backend-sev-snp", "backend-tdx");

  private final Workbench bench;
  private final Path overlay;

  private BugsSeen(Path root) throws Exception {
    this.bench = new Workbench(root, LIMIT_SECONDS);
    this.overlay = bench.work.resolve("overlay");
  }

  private static Workbench.Edit edit(String file, String old, String now) {
    return new Workbench.Edit(file, old, now);
  }

  public static void main(String[] args) throws Exception {
    Path root = Path.of("").toAbsolutePath();
    Path page = root.resolve("docs/known-bugs.md");
    var self = new BugsSeen(root);
    self.bench.compileJudge();
    self.compileSeam();
    int noticed = 0;
    int asked = 0;
    for (Map.Entry<String, String> bug : bugs(page).entrySet()) {
      String id = bug.getKey();
      if (args.length == 0 || List.of(args).contains(id)) {
        String by = self.noticedBy(id, TESTS.getOrDefault(bug.getValue(), TESTS_OF_THE_CORE));
        System.out.println("| `" + id + "` | " + by + " |");
        noticed += by.startsWith("no") ? 0 : 1;
        asked++;
        write(page, id, by);
      }
    }
    System.out.println("asked=" + asked + " noticed=" + noticed);
  }

  /** What each bug is of, by its id: the rows of the page's first table. */
  private static Map<String, String> bugs(Path page) throws Exception {
    Map<String, String> all = new LinkedHashMap<>();
    for (String line : Files.readAllLines(page)) {
      String[] cells = line.split("\\|");
      if (line.matches("\\| (M\\d+|[a-z]+-[a-z]+) \\|.*") && cells.length == 9) {
        all.put(cells[1].strip(), cells[2].strip());
      }
    }
    return all;
  }

  private void compileSeam() throws Exception {
    List<Path> sources = new ArrayList<>();
    for (Workbench.Edit e : SEAM) {
      Path p = bench.work.resolve("src").resolve(e.file());
      Files.createDirectories(p.getParent());
      sources.add(Files.writeString(p, e.applied(Files.readString(bench.root.resolve(e.file())))));
    }
    for (String seam : List.of("InstalledBug", "InstalledRmmBug")) {
      sources.add(bench.root.resolve("conformance/mutants/seam/" + seam + ".java"));
    }
    bench.compile(overlay, sources);
  }

  /**
   * The first test that fails by the bug, and not without it; {@code no} if none. Where the bug is
   * no part of a host but wraps the backend, tests that fail by any wrap are not asked.
   */
  private String noticedBy(String id, List<String> modules) throws Exception {
    for (String module : modules) {
      String by;
      try {
        by = asked(id, module, List.of(), ".*");
      } catch (IllegalStateException e) {
        if (!String.valueOf(e.getMessage()).contains("ended with 9 ")) {
          throw e;
        }
        by = askedOfWrapped(id, module);
      }
      if (!by.equals("-")) {
        return by;
      }
    }
    return "no";
  }

  /** Asks a module's tests; what notices must hold without the bug. */
  private String asked(String id, String module, List<String> options, String pattern)
      throws Exception {
    Path folder = bench.test(module);
    List<Path> classes = List.of(folder, bench.main(module));
    List<String> with = new ArrayList<>(options);
    with.add("-Dcocovisor.bug=" + id);
    List<String> all = List.of(folder.toString(), pattern);
    String by = bench.run(id, overlay, classes, with, "unit", all);
    if (!by.equals("-")) {
      String test = ".*\\." + by.replaceAll("[. ].*", "");
      Path judge = bench.work.resolve("judge");
      List<String> one = List.of(folder.toString(), test);
      String without = bench.run("unchanged", judge, classes, List.of(), "unit", one);
      if (!without.equals("-")) {
        throw new IllegalStateException(
            by + " noticed " + id + ", but " + without + " fails without it too");
      }
    }
    return by;
  }

  /** As {@link #asked}, those left out that fail where as much is wrapped and nothing is wrong. */
  private String askedOfWrapped(String id, String module) throws Exception {
    Path folder = bench.test(module);
    Path failing = bench.work.resolve(id + "-wrapped.txt");
    var _ =
        bench.run(
            id,
            overlay,
            List.of(folder, bench.main(module)),
            List.of("-Dcocovisor.bug=" + id, "-Dcocovisor.bug.wrap=idle"),
            "failing",
            List.of(folder.toString(), failing.toString()));
    System.out.println(
        "# " + id + ": " + Files.readAllLines(failing).size() + " tests look behind the wrap");
    return asked(
        id,
        module,
        List.of("-Dcocovisor.bug.wrap=bug", "-Dcocovisor.judge.without=" + failing),
        ".*");
  }

  /** Puts what was seen into the last column of the bug's row. */
  private static void write(Path page, String id, String by) throws Exception {
    List<String> lines = new ArrayList<>(Files.readAllLines(page));
    lines.replaceAll(
        l -> l.startsWith("| `" + id + "` |") ? l.replaceAll("\\|[^|]*\\|$", "| " + by + " |") : l);
    Files.write(page, lines);
  }
}
