import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/**
 * Puts one fault at a time into a copy of the sources and asks unit tests, recordings and kit
 * whether they notice. Writes the table of {@code docs/mutants.md}.
 *
 * <p>Faults are data: {@code *.faults} beside this file. {@code conformance/mutants/run} starts it.
 * The changed file alone is compiled, and lies before the others on the class path: the tree is
 * never touched.
 */
final class Mutants {
  /** One change of one file: {@code old} is there exactly once, however it is broken into lines. */
  private record Edit(String file, String old, String now) {
    String applied(String source) {
      Pattern p =
          Pattern.compile(
              Arrays.stream(old.strip().split("\\s+"))
                  .map(Pattern::quote)
                  .collect(Collectors.joining("\\s+")));
      Matcher m = p.matcher(source);
      if (!m.find()) {
        throw new IllegalStateException(file + " does not have: " + old);
      }
      int start = m.start();
      int end = m.end();
      if (m.find()) {
        throw new IllegalStateException(file + " has it twice: " + old);
      }
      return source.substring(0, start) + now.strip() + source.substring(end);
    }
  }

  private record Fault(String id, String what, String rule, String first, List<Edit> edits) {
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

  /** No fault at all: what the judges say of the sources as they are. */
  private static final Fault UNCHANGED = new Fault("unchanged", "", "", "", List.of());

  private final Map<List<String>, String> unchanged = new HashMap<>();
  private final Path root;
  private final Path work;
  private final Path classes;
  private final List<Path> jars;
  private final List<Path> modules;

  private Mutants(Path root) throws IOException {
    this.root = root;
    this.work = root.resolve("target/mutants/" + ProcessHandle.current().pid());
    String built = System.getenv("COCOVISOR_MUTANTS_CLASSES");
    this.classes = built == null ? root : Path.of(built);
    String lib = System.getenv("COCOVISOR_MUTANTS_JARS");
    try (Stream<Path> files =
        Files.list(lib == null ? root.resolve("target/mutants/lib") : Path.of(lib))) {
      this.jars = files.filter(f -> f.toString().endsWith(".jar")).sorted().toList();
    }
    try (Stream<Path> files = Files.list(root)) {
      this.modules =
          files
              .filter(f -> Files.isDirectory(f.resolve("src/main/java")))
              .map(f -> main(f.getFileName().toString()))
              .sorted()
              .toList();
    }
    Files.createDirectories(work);
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
    self.compileJudge();
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
    List<Edit> edits = new ArrayList<>();
    StringBuilder old = new StringBuilder();
    StringBuilder now = new StringBuilder();
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    lines.add("fault . .");
    String before = "";
    for (String line : lines) {
      String word = line.isEmpty() ? "" : line.split(" ", 2)[0];
      String rest = line.length() > word.length() ? line.substring(word.length() + 1) : "";
      if (before.equals("+") && !word.equals("+")) {
        edits.add(new Edit(in, old.toString(), now.toString()));
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

  private Path main(String module) {
    Path maven = classes.resolve(module).resolve("target/classes");
    return Files.isDirectory(maven) ? maven : classes.resolve(module).resolve("main");
  }

  private Path test(String module) {
    Path maven = classes.resolve(module).resolve("target/test-classes");
    return Files.isDirectory(maven) ? maven : classes.resolve(module).resolve("test");
  }

  private String classPath(List<Path> first) {
    List<Path> all = new ArrayList<>(first);
    all.addAll(modules);
    all.addAll(jars);
    return all.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
  }

  private void compileJudge() throws IOException {
    compile(work.resolve("judge"), List.of(root.resolve("conformance/mutants/Judge.java")));
  }

  private void compile(Path out, List<Path> sources) throws IOException {
    delete(out);
    Files.createDirectories(out);
    List<String> args =
        new ArrayList<>(
            List.of(
                "-nowarn",
                "-proc:none",
                "-g",
                "-parameters",
                "-d",
                out.toString(),
                "-cp",
                classPath(List.of())));
    sources.forEach(s -> args.add(s.toString()));
    int code =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, System.err, args.toArray(String[]::new));
    if (code != 0) {
      throw new IllegalStateException(sources + " does not compile");
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path p : files.sorted((a, b) -> b.compareTo(a)).toList()) {
          Files.delete(p);
        }
      }
    }
  }

  /** Asks the judges, but for what is known; with {@code quick}, until one has noticed. */
  private List<String> judge(Fault f, List<String> known, boolean quick) throws Exception {
    Map<String, String> texts = new LinkedHashMap<>();
    for (Edit e : f.edits()) {
      String text = texts.get(e.file());
      texts.put(
          e.file(), e.applied(text == null ? Files.readString(root.resolve(e.file())) : text));
    }
    Path sources = work.resolve("src");
    delete(sources);
    List<Path> changed = new ArrayList<>();
    for (Map.Entry<String, String> t : texts.entrySet()) {
      Path p = sources.resolve(t.getKey());
      Files.createDirectories(p.getParent());
      changed.add(Files.writeString(p, t.getValue()));
    }
    Path overlay = work.resolve("overlay");
    compile(overlay, changed);
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
      Path folder = test(module);
      List<String> args = new ArrayList<>(List.of(folder.toString()));
      if (t.contains(":")) {
        args.add(t.substring(t.indexOf(':') + 1));
      }
      String by = run(f, overlay, List.of(folder), "unit", args);
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
      without = run(UNCHANGED, work.resolve("judge"), tests, judge, args);
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
    String by = run(f, overlay, List.of(), judge, args);
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

  /** Runs a judge in a process of its own; what noticed the fault, or {@code -}. */
  private String run(Fault f, Path overlay, List<Path> tests, String judge, List<String> args)
      throws Exception {
    List<Path> first = new ArrayList<>();
    first.add(overlay);
    first.addAll(tests);
    first.add(work.resolve("judge"));
    String agent =
        jars.stream().map(Path::toString).filter(j -> j.contains("mockito-core")).findFirst().get();
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-ea",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-javaagent:" + agent,
                "--add-opens",
                "java.base/java.lang=ALL-UNNAMED",
                "-Dguice_bytecode_gen_option=DISABLED",
                "-Dcocovisor.root=" + root,
                "-cp",
                classPath(first),
                "Judge",
                judge));
    command.addAll(args);
    Process p =
        new ProcessBuilder(command)
            .redirectError(work.resolve(f.id() + "-" + judge + ".err").toFile())
            .start();
    var at = new String[] {"start", null};
    Thread reader =
        Thread.ofVirtual()
            .start(() -> {
              try (BufferedReader r = p.inputReader(StandardCharsets.UTF_8)) {
                for (String line; (line = r.readLine()) != null; ) {
                  at[line.startsWith("killed ") ? 1 : 0] = line.substring(line.indexOf(' ') + 1);
                }
              } catch (IOException e) {
                at[0] = e.toString();
              }
            });
    boolean ended = p.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      p.destroyForcibly().waitFor();
    }
    reader.join();
    if (!ended) {
      return at[0] + " does not end";
    }
    if (at[1] != null) {
      return at[1];
    }
    if (p.exitValue() != 0) {
      throw new IllegalStateException(judge + " ended with " + p.exitValue() + " at " + at[0]);
    }
    return "-";
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
