import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Lets PIT try a seeded sample of the mutants of one module's packages, and prints how many are
 * killed, within what, and each that lives. {@code conformance/mutants/run --machine} starts it.
 *
 * <p>What a module mutates and by which tests is in its pom ({@code mutation.classes}, {@code
 * mutation.tests}), for Maven's profile as well. The tree is never touched; reports lie in {@code
 * target/mutants/pit}.
 */
final class Machine {
  private record Mutant(String status, String owner, String method, int line, String what) {
    boolean killed() {
      return status.equals("KILLED") || status.equals("TIMED_OUT") || status.equals("MEMORY_ERROR");
    }
  }

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
    Path pom = root.resolve(module).resolve("pom.xml");
    if (!Files.isRegularFile(pom)) {
      throw new IllegalArgumentException("no module " + module);
    }
    String text = Files.readString(pom);
    this.classes = property(text, "mutation.classes");
    this.tests = property(text, "mutation.tests");
  }

  private static String property(String pom, String name) {
    Matcher m = Pattern.compile("<" + name + ">([^<]*)</").matcher(pom);
    return m.find() ? m.group(1).strip() : "";
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
        case "--without" -> self.without = "," + value;
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
    var bench = new Workbench(root, minutes * 60);
    Path plugin = bench.work.resolve("sample");
    bench.compile(plugin, List.of(root.resolve("conformance/mutants/sample/Sample.java")));
    Path services = Files.createDirectories(plugin.resolve("META-INF/services"));
    var _ =
        Files.writeString(
            services.resolve("org.pitest.mutationtest.build.MutationInterceptorFactory"),
            "sample.Sample\n");
    Path report = root.resolve("target/mutants/pit/" + module);
    Path log = Files.createDirectories(report).resolve("pit.log");
    Files.deleteIfExists(report.resolve("mutations.xml"));
    Process p =
        new ProcessBuilder(command(bench, plugin, report))
            .directory(root.resolve(module).toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    boolean ended = p.waitFor(minutes, TimeUnit.MINUTES);
    if (!ended) {
      p.descendants().forEach(ProcessHandle::destroyForcibly);
      p.destroyForcibly().waitFor();
    }
    if (ended && p.exitValue() != 0) {
      throw new IllegalStateException("PIT ended with " + p.exitValue() + "; see " + log);
    }
    List<Mutant> all = mutants(report.resolve("mutations.xml"));
    print(all, ended);
    return ended && !all.isEmpty();
  }

  private List<String> command(Workbench bench, Path plugin, Path report) {
    String java = Path.of(System.getProperty("java.home"), "bin/java").toString();
    return List.of(
        java,
        "-Xmx1g",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        bench.classPath(List.of(plugin, bench.test(module))),
        "org.pitest.mutationtest.commandline.MutationCoverageReport",
        "--reportDir",
        report.toString(),
        "--sourceDirs",
        root.resolve(module).resolve("src/main/java").toString(),
        "--targetClasses",
        classes,
        "--targetTests",
        tests,
        "--excludedTestClasses",
        "*ArchitectureTest,*HostEndTest" + without,
        "--excludedGroups",
        "slow",
        "--mutableCodePaths",
        bench.main(module).toString(),
        "--avoidCallsTo",
        "dev.cocovisor.api.sched",
        "--features",
        "+SAMPLE(every[%d] seed[%d])".formatted(every, seed),
        "--threads",
        "1",
        "--timeoutConst",
        "6000",
        "--timeoutFactor",
        "2",
        "--outputFormats",
        "XML",
        "--timestampedReports=false",
        "--jvmPath",
        java,
        "--verbosity",
        "NO_SPINNER",
        "--jvmArgs",
        String.join(
            ",",
            "-ea",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "-Dcocovisor.root=" + root,
            "-javaagent:" + bench.agent()));
  }

  /** Reads PIT's report; one that was cut off, as far as it goes. */
  private static List<Mutant> mutants(Path report) throws IOException {
    if (!Files.exists(report)) {
      return List.of();
    }
    List<Mutant> all = new ArrayList<>();
    for (String part : Files.readString(report).split("<mutation ")) {
      if (part.contains("</mutation>")) {
        all.add(
            new Mutant(
                found(part, "status='(\\w+)'"),
                found(part, "<mutatedClass>(.*?)</"),
                found(part, "<mutatedMethod>(.*?)</"),
                Integer.parseInt(found(part, "<lineNumber>(.*?)</")),
                found(part, "<description>(.*?)</")));
      }
    }
    return all;
  }

  private static String found(String in, String pattern) {
    Matcher m = Pattern.compile(pattern).matcher(in);
    return m.find() ? m.group(1).replace("&lt;", "<").replace("&gt;", ">") : "";
  }

  private void print(List<Mutant> all, boolean ended) {
    Map<String, int[]> packages = new TreeMap<>();
    for (Mutant m : all) {
      String name = m.owner().substring(0, m.owner().lastIndexOf('.'));
      for (String key : List.of(name, "all")) {
        int[] n = packages.computeIfAbsent(key, _ -> new int[3]);
        n[0]++;
        n[1] += m.killed() ? 1 : 0;
        n[2] += m.status().equals("NO_COVERAGE") ? 1 : 0;
      }
    }
    for (Mutant m : all) {
      if (!m.killed()) {
        System.out.println(
            "%s %s.%s:%d %s"
                .formatted(
                    m.status().equals("NO_COVERAGE") ? "not reached" : "lives",
                    m.owner().replaceAll(".*\\.", ""),
                    m.method(),
                    m.line(),
                    m.what()));
      }
    }
    packages.forEach(
        (name, n) ->
            System.out.println(
                "%s mutants=%d killed=%d (%s) not_reached=%d"
                    .formatted(name, n[0], n[1], share(n[1], n[0]), n[2])));
    if (!ended) {
      System.out.println("not ended after " + minutes + " minutes: what there was is counted");
    }
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
