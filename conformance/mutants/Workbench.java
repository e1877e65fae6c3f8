import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/**
 * Changed sources compiled before the built classes, and judges run on them in processes of their
 * own: the tree is never touched.
 */
final class Workbench {
  /** One change of one file: {@code old} is there exactly once, however it is broken into lines. */
  record Edit(String file, String old, String now) {
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

  final Path root;
  final Path work;
  private final int limitSeconds;
  private final Path classes;
  private final List<Path> jars;
  private final List<Path> modules;

  /**
   * Makes one.
   *
   * @param limitSeconds the most time for a judge; one that takes more does not end
   */
  Workbench(Path root, int limitSeconds) throws IOException {
    this.root = root;
    this.limitSeconds = limitSeconds;
    this.work = root.resolve("target/mutants/" + ProcessHandle.current().pid());
    String built = System.getenv("COCOVISOR_MUTANTS_CLASSES");
    this.classes = built == null ? root : Path.of(built);
    String lib = System.getenv("COCOVISOR_MUTANTS_JARS");
    try (Stream<Path> files =
        Files.list(lib == null ? root.resolve("target/mutants/lib") : Path.of(lib))) {
      String tools = System.getenv().getOrDefault("COCOVISOR_MUTANTS_TOOLS", "");
      this.jars =
          Stream.concat(
                  files.filter(f -> f.toString().endsWith(".jar")).sorted(),
                  Stream.of(tools.split(File.pathSeparator))
                      .filter(t -> !t.isEmpty())
                      .map(Path::of))
              .toList();
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

  /** Returns where the classes of a module lie. */
  Path main(String module) {
    Path maven = classes.resolve(module).resolve("target/classes");
    return Files.isDirectory(maven) ? maven : other(module).resolve("main");
  }

  /** Classes that another build than Maven made lie in a folder a module. */
  private Path other(String module) {
    return classes.resolve(module.replace('/', '_'));
  }

  /** Returns where the test classes of a module lie. */
  Path test(String module) {
    Path maven = classes.resolve(module).resolve("target/test-classes");
    return Files.isDirectory(maven) ? maven : other(module).resolve("test");
  }

  /** Returns a class path: what is given, then the classes of all modules and the libraries. */
  String classPath(List<Path> first) {
    List<Path> all = new ArrayList<>(first);
    all.addAll(modules);
    all.addAll(jars);
    return all.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
  }

  /** Returns the library that tests which mock are started with. */
  String agent() {
    return jars.stream()
        .map(Path::toString)
        .filter(j -> j.contains("mockito-core"))
        .findFirst()
        .orElseThrow();
  }

  /** Compiles what runs tests, recordings and kit in a process of its own. */
  void compileJudge() throws IOException {
    compile(work.resolve("judge"), List.of(root.resolve("conformance/mutants/Judge.java")));
  }

  /** Compiles sources into a folder of their own. */
  void compile(Path out, List<Path> sources) throws IOException {
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

  static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path p : files.sorted((a, b) -> b.compareTo(a)).toList()) {
          Files.delete(p);
        }
      }
    }
  }

  /**
   * Runs a judge in a process of its own.
   *
   * @param id as what it printed is called
   * @param options of the process
   * @return what noticed the fault, or {@code -}
   */
  String run(
      String id,
      Path overlay,
      List<Path> tests,
      List<String> options,
      String judge,
      List<String> args)
      throws Exception {
    List<Path> first = new ArrayList<>();
    first.add(overlay);
    first.addAll(tests);
    first.add(work.resolve("judge"));
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-ea",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-javaagent:" + agent(),
                "--add-opens",
                "java.base/java.lang=ALL-UNNAMED",
                "-Dguice_bytecode_gen_option=DISABLED",
                "-Dcocovisor.root=" + root,
                "-cp",
                classPath(first)));
    command.addAll(options);
    command.add("Judge");
    command.add(judge);
    command.addAll(args);
    Process p =
        new ProcessBuilder(command)
            .redirectError(work.resolve(id + "-" + judge + ".err").toFile())
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
                // The process was ended in the middle of a line: the last whole one is told.
              }
            });
    boolean ended = p.waitFor(limitSeconds, TimeUnit.SECONDS);
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
}
