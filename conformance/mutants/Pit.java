import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * PIT in processes of its own, on a seeded draw of a module's mutants. The tree is never touched;
 * reports lie in {@code target/mutants/pit}.
 */
final class Pit {
  /**
   * What is drawn from, and who judges it.
   *
   * @param name of its report
   * @param classes globs of what is mutated, with commas between
   * @param tests globs of the test classes that judge
   * @param without globs of those that do not, or nothing
   * @param every one of how many is drawn
   * @param minutes the most time for it
   */
  record Draw(
      String name,
      String module,
      String classes,
      String tests,
      String without,
      int every,
      int seed,
      int minutes) {}

  /**
   * One mutant and what became of it.
   *
   * @param text the line of the source that was changed, as it is read, without the space around
   *     it: says which one it is when lines above come and go
   */
  record Mutant(String status, String owner, String method, int line, String what, String text) {
    boolean killed() {
      return status.equals("KILLED") || status.equals("TIMED_OUT") || status.equals("MEMORY_ERROR");
    }

    boolean lives() {
      return status.equals("SURVIVED") || status.equals("NO_COVERAGE");
    }

    boolean reached() {
      return !status.equals("NO_COVERAGE");
    }

    /** Returns the name of the package that it is in. */
    String inPackage() {
      return owner.substring(0, owner.lastIndexOf('.'));
    }

    /** Returns the package's last name, the class and the method. */
    String place() {
      String above = inPackage();
      return above.substring(above.lastIndexOf('.') + 1)
          + owner.substring(owner.lastIndexOf('.'))
          + "."
          + method;
    }
  }

  /**
   * What a draw gave.
   *
   * @param ended false if the time was up: there are those that had been tried
   */
  record Judged(List<Mutant> mutants, boolean ended) {}

  private final Workbench bench;
  private final Path plugin;

  /** Makes one, with the plug-in that draws. */
  Pit(Workbench bench) throws IOException {
    this.bench = bench;
    this.plugin = bench.work.resolve("sample");
    bench.compile(plugin, List.of(bench.root.resolve("conformance/mutants/sample/Sample.java")));
    Path services = Files.createDirectories(plugin.resolve("META-INF/services"));
    var _ =
        Files.writeString(
            services.resolve("org.pitest.mutationtest.build.MutationInterceptorFactory"),
            "sample.Sample\n");
  }

  /** Returns what a module's pom says of a property, or nothing. */
  static String property(Path root, String module, String name) throws IOException {
    Path pom = root.resolve(module).resolve("pom.xml");
    if (!Files.isRegularFile(pom)) {
      throw new IllegalArgumentException("no module " + module);
    }
    Matcher m = Pattern.compile("<" + name + ">([^<]*)</").matcher(Files.readString(pom));
    return m.find() ? m.group(1).strip() : "";
  }

  /** Draws and tries; ends its processes when the time is up. */
  Judged judge(Draw draw) throws IOException, InterruptedException {
    Path report = bench.root.resolve("target/mutants/pit/" + draw.name());
    Path log = Files.createDirectories(report).resolve("pit.log");
    Path xml = report.resolve("mutations.xml");
    Files.deleteIfExists(xml);
    Process p =
        new ProcessBuilder(command(draw, report))
            .directory(bench.root.resolve(draw.module()).toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    boolean ended = p.waitFor(draw.minutes(), TimeUnit.MINUTES);
    if (!ended) {
      p.descendants().forEach(ProcessHandle::destroyForcibly);
      var _ = p.destroyForcibly().waitFor();
    }
    if (ended && p.exitValue() != 0) {
      throw new IllegalStateException("PIT ended with " + p.exitValue() + "; see " + log);
    }
    return new Judged(mutants(xml, bench.root.resolve(draw.module())), ended);
  }

  private List<String> command(Draw draw, Path report) {
    String java = Path.of(System.getProperty("java.home"), "bin/java").toString();
    String without = draw.without().isEmpty() ? "" : "," + draw.without();
    return List.of(
        java,
        "-Xmx1g",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        bench.classPath(List.of(plugin, bench.test(draw.module()))),
        "org.pitest.mutationtest.commandline.MutationCoverageReport",
        "--reportDir",
        report.toString(),
        "--sourceDirs",
        bench.root.resolve(draw.module()).resolve("src/main/java").toString(),
        "--targetClasses",
        draw.classes(),
        "--targetTests",
        draw.tests(),
        "--excludedTestClasses",
        "*ArchitectureTest,*HostEndTest" + without,
        "--excludedGroups",
        "slow",
        "--mutableCodePaths",
        bench.main(draw.module()).toString(),
        "--avoidCallsTo",
        "dev.cocovisor.api.sched",
        "--features",
        "+SAMPLE(every[%d] seed[%d])".formatted(draw.every(), draw.seed()),
        "--threads",
        "1",
        "--timeoutConst",
        "10000",
        "--timeoutFactor",
        "4",
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
            "-Dcocovisor.root=" + bench.root,
            "-javaagent:" + bench.agent()));
  }

  /** Reads PIT's report; one that was cut off, as far as it goes. */
  private static List<Mutant> mutants(Path report, Path module) throws IOException {
    if (!Files.exists(report)) {
      return List.of();
    }
    List<Mutant> all = new ArrayList<>();
    for (String part : Files.readString(report).split("<mutation ")) {
      if (part.contains("</mutation>")) {
        String owner = found(part, "<mutatedClass>(.*?)</");
        int line = Integer.parseInt(found(part, "<lineNumber>(.*?)</"));
        String folder = owner.substring(0, owner.lastIndexOf('.')).replace('.', '/');
        Path source =
            module
                .resolve("src/main/java")
                .resolve(folder)
                .resolve(found(part, "<sourceFile>(.*?)</"));
        all.add(
            new Mutant(
                found(part, "status='(\\w+)'"),
                owner,
                found(part, "<mutatedMethod>(.*?)</"),
                line,
                found(part, "<description>(.*?)</").replaceAll(" for dev/\\S+$", ""),
                textAt(source, line)));
      }
    }
    return all;
  }

  private static String textAt(Path source, int line) throws IOException {
    try (Stream<String> lines = Files.lines(source)) {
      return lines.skip(line - 1).findFirst().orElse("").strip();
    }
  }

  private static String found(String in, String pattern) {
    Matcher m = Pattern.compile(pattern).matcher(in);
    return m.find()
        ? m.group(1)
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
        : "";
  }
}
