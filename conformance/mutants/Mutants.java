import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Puts one fault at a time into a copy of the sources and asks unit tests, recordings and kit
 * whether they notice. Writes the table of {@code docs/mutants.md}.
 *
 * <p>Faults are data: {@code *.faults} beside this file. {@code conformance/mutants/run} starts it.
 * The changed file alone is compiled, and lies before the others on the class path: the tree is
 * never touched.
 */
final class Mutants {
  private record Fault(
      String id, String what, String rule, String first, List<Workbench.Edit> edits) {
    String module() {
      return edits.getFirst().file().replaceAll("/src/.*", "");
    }
  }

  private static final String BEGIN = "<!-- faults -->";
  private static final String END = "<!-- end of faults -->";
  private static final int LIMIT_SECONDS = 300;
  private static final String NOT_ASKED = "not asked";

  /** Whose tests judge a fault, in order, and which of them; the module's own come first. */
  private static final Map<String, List<String>> TESTS =
      Map.of(
          "kvm-core",
          List.of("kvm-core", "explore:.*(CoreRacesTest|OpenOperationsTest)"),
          "backend-tdx",
          List.of("backend-tdx:.*\\.module\\..*", "backend-tdx"),
          "backend-sev-snp",
          List.of("backend-sev-snp:.*\\.(rmp|psp)\\..*", "backend-sev-snp"),
          "backend-pkvm",
          List.of("backend-pkvm:.*\\.hyp\\..*", "backend-pkvm"),
          "backend-cca",
          List.of("backend-cca:.*\\.rmm\\..*", "backend-cca"));

  private static final Map<String, List<String>> LOGS =
      Map.of(
          "kvm-core",
          List.of("x86", "traces", "kvm-x86", "tdx", "pkvm", "pkvm-arm64-7.3-rules"),
          "backend-tdx",
          List.of("tdx", "tdx-module-1.5.seamlog.gz"),
          "backend-sev-snp",
          List.of("sev-snp", "sev-snp/rules"),
          "backend-pkvm",
          List.of("pkvm", "pkvm-arm64"),
          "backend-cca",
          List.of("cca", "cca-2.0", "rmm-1.0", "rmm-2.0.rmilog"));

  private static final Map<String, List<String>> KITS =
      Map.of(
          "kvm-core", List.of("tdx", "pkvm"),
          "backend-tdx", List.of("tdx", "tdx:tdx.page-size-policy=rfc-v1"),
          "backend-sev-snp", List.of("sev-snp"),
          "backend-pkvm", List.of("pkvm"),
          "backend-cca", List.of("cca"));

  private final Map<List<String>, String> unchanged = new HashMap<>();
  private final Workbench bench;
  private final Path root;
  private final Path work;

  private Mutants(Path root) throws IOException {
    this.bench = new Workbench(root, LIMIT_SECONDS);
    this.root = root;
    this.work = bench.work;
  }

  public static void main(String[] args) throws Exception {
    Path root = Path.of("").toAbsolutePath();
    var self = new Mutants(root);
    List<Fault> faults = faults(root.resolve("conformance/mutants"));
    List<String> wanted = new ArrayList<>();
    boolean quick = false;
    boolean onlyNew = false;
    for (String a : args) {
      if (a.equals("--list")) {
        faults.forEach(f -> System.out.println(f.id() + "  " + f.what()));
        return;
      } else if (a.equals("--new")) {
        onlyNew = true;
      } else if (a.equals("--quick")) {
        quick = true;
      } else {
        wanted.add(a);
      }
    }
    self.bench.compileJudge();
    int survivors = 0;
    for (Fault f : faults) {
      if (!wanted.isEmpty() && wanted.stream().noneMatch(f.id()::matches)) {
        continue;
      }
      List<String> known = onlyNew ? self.rows().getOrDefault(f.id(), List.of()) : List.of();
      if (onlyNew && !known.isEmpty() && (quick || !known.contains(NOT_ASKED))) {
        continue;
      }
      List<String> row = self.judge(f, known, quick);
      boolean survives = row.stream().allMatch("-"::equals);
      survivors += survives ? 1 : 0;
      System.out.println(
          f.id()
              + "  "
              + f.what()
              + "  | "
              + String.join(" | ", row)
              + (survives ? "  SURVIVES" : ""));
      self.write(faults, f, row);
    }
    System.out.println("survivors=" + survivors);
    System.exit(survivors == 0 ? 0 : 1);
  }

  /**
   * Reads the lists: {@code fault ID what is wrong}, {@code rule what is broken and where it comes
   * from}, then changes: {@code in FILE}, lines of {@code - old}, lines of {@code + new}.
   */
  private static List<Fault> faults(Path folder) throws IOException {
    List<Fault> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path p : files.filter(f -> f.toString().endsWith(".faults")).sorted().toList()) {
        read(p, all);
      }
    }
    return all;
  }

  private static void read(Path file, List<Fault> all) throws IOException {
    String[] head = null;
    String rule = "";
    String first = "";
    String in = "";
    List<Workbench.Edit> edits = new ArrayList<>();
    StringBuilder old = new StringBuilder();
    StringBuilder now = new StringBuilder();
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    lines.add("fault . .");
    String before = "";
    for (String line : lines) {
      String word = line.isEmpty() ? "" : line.split(" ", 2)[0];
      String rest = line.length() > word.length() ? line.substring(word.length() + 1) : "";
      if (before.equals("+") && !word.equals("+")) {
        edits.add(new Workbench.Edit(in, old.toString(), now.toString()));
        old.setLength(0);
        now.setLength(0);
      }
      switch (word) {
        case "fault" -> {
          if (head != null) {
            all.add(new Fault(head[0], head[1], rule, first, List.copyOf(edits)));
            edits.clear();
            first = "";
          }
          head = rest.split(" ", 2);
        }
        case "rule" -> rule = rest;
        case "first" -> first = rest;
        case "in" -> in = rest;
        case "-" -> old.append(rest).append('\n');
        case "+" -> now.append(rest).append('\n');
        case "", "#" -> {}
        default -> throw new IllegalArgumentException(file + ": " + line);
      }
      before = word;
    }
  }

  /** Asks the judges, but for what is known; with {@code quick}, until one has noticed. */
  private List<String> judge(Fault f, List<String> known, boolean quick) throws Exception {
    Map<String, String> texts = new LinkedHashMap<>();
    for (Workbench.Edit e : f.edits()) {
      String text = texts.get(e.file());
      texts.put(
          e.file(), e.applied(text == null ? Files.readString(root.resolve(e.file())) : text));
    }
    Path sources = work.resolve("src");
    Workbench.delete(sources);
    List<Path> changed = new ArrayList<>();
    for (Map.Entry<String, String> t : texts.entrySet()) {
      Path p = sources.resolve(t.getKey());
      Files.createDirectories(p.getParent());
      changed.add(Files.writeString(p, t.getValue()));
    }
    Path overlay = work.resolve("overlay");
    bench.compile(overlay, changed);
    List<String> row = new ArrayList<>();
    for (String judge : List.of("unit", "replay", "kit")) {
      String before = known.isEmpty() ? NOT_ASKED : known.get(row.size());
      if (!before.equals(NOT_ASKED)
          || (quick && row.stream().anyMatch(cell -> !cell.equals("-")))) {
        row.add(before);
        continue;
      }
      row.add(
          switch (judge) {
            case "unit" -> unit(f, overlay);
            case "replay" -> replay(f, overlay);
            default -> judged(f, overlay, "kit", KITS.get(f.module()));
          });
    }
    return row;
  }

  private String unit(Fault f, Path overlay) throws Exception {
    List<String> tests = new ArrayList<>(TESTS.get(f.module()));
    if (!f.first().isEmpty()) {
      tests.addFirst(
          (f.first().contains(":") ? f.first() : f.module() + ":" + f.first())
              .replace(":", ":.*\\."));
    }
    for (String t : tests) {
      String module = t.replaceAll(":.*", "");
      Path folder = bench.test(module);
      List<String> args = new ArrayList<>(List.of(folder.toString()));
      if (t.contains(":")) {
        args.add(t.substring(t.indexOf(':') + 1));
      }
      String by = bench.run(f.id(), overlay, List.of(folder), List.of(), "unit", args);
      if (!by.equals("-")) {
        String test = ".*\\." + by.replaceAll("[. ].*", "");
        green(by, List.of(folder), "unit", List.of(folder.toString(), test));
        return by;
      }
    }
    return "-";
  }

  /** Asks a judge of the sources as they are; one that notices something there judges no fault. */
  private void green(String by, List<Path> tests, String judge, List<String> args)
      throws Exception {
    List<String> asked = new ArrayList<>(args);
    asked.addFirst(judge);
    String without = unchanged.get(asked);
    if (without == null) {
      without = bench.run("unchanged", work.resolve("judge"), tests, List.of(), judge, args);
      unchanged.put(asked, without);
    }
    if (!without.equals("-")) {
      throw new IllegalStateException(
          by + " noticed the fault, but " + without + " fails without one too: mend that first");
    }
  }

  private String replay(Fault f, Path overlay) throws Exception {
    List<String> logs = new ArrayList<>();
    Path folder = root.resolve("conformance");
    for (String l : LOGS.get(f.module())) {
      if (Files.isDirectory(folder.resolve(l))) {
        logs.addAll(logs(folder.resolve(l), ""));
      } else {
        logs.addAll(logs(folder, l));
      }
    }
    return judged(f, overlay, "replay", logs);
  }

  private String judged(Fault f, Path overlay, String judge, List<String> args) throws Exception {
    String by = bench.run(f.id(), overlay, List.of(), List.of(), judge, args);
    if (!by.equals("-")) {
      green(by, List.of(), judge, args);
    }
    return by;
  }

  private static List<String> logs(Path folder, String prefix) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(p -> p.toString().matches(".*\\.(kvmlog|seamlog|rmilog)(\\.gz)?"))
          .filter(p -> p.getFileName().toString().startsWith(prefix))
          .map(Path::toString)
          .sorted()
          .toList();
    }
  }

  /** The rows that the page has, by id. */
  private Map<String, List<String>> rows() throws IOException {
    Map<String, List<String>> rows = new LinkedHashMap<>();
    for (String line : Files.readAllLines(page())) {
      String[] cells = line.split("\\|");
      if (line.startsWith("| ") && cells.length == 6) {
        rows.put(
            cells[1].strip(), Stream.of(cells[3], cells[4], cells[5]).map(String::strip).toList());
      }
    }
    return rows;
  }

  private Path page() {
    return root.resolve("docs/mutants.md");
  }

  private void write(List<Fault> faults, Fault now, List<String> row) throws IOException {
    Map<String, List<String>> rows = rows();
    rows.put(now.id(), row);
    StringBuilder out = new StringBuilder();
    out.append("| id | fault | unit test | recording | kit |\n|---|---|---|---|---|\n");
    for (Fault f : faults) {
      List<String> r = rows.get(f.id());
      if (r != null) {
        out.append("| %s | %s | %s |%n".formatted(f.id(), f.what(), String.join(" | ", r)));
      }
    }
    String page = Files.readString(page());
    int begin = page.indexOf(BEGIN) + BEGIN.length();
    Files.writeString(
        page(), page.substring(0, begin) + "\n" + out + page.substring(page.indexOf(END)));
  }
}
