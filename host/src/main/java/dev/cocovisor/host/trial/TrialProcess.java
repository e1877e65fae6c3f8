package dev.cocovisor.host.trial;

import dev.cocovisor.host.finding.PluginFinding;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A Java process in a folder of its own: no input, output into files, little memory, no file larger
 * than allowed, without a network where the machine lets one go without.
 */
final class TrialProcess {
  /** How long the process may take to start and end besides what its packages may take. */
  private static final int STARTING_SECONDS = 60;

  private static final int POLL_MILLIS = 20;
  private static final int READ_BYTES = 64 << 10;

  private final TrialLimits limits;
  private final Path work;

  /**
   * How it ended.
   *
   * @param code the exit code
   * @param killed whether it had to be ended from outside because of its time
   * @param tooMuchDisk whether it had to be ended because of what it wrote
   * @param report what it reported, null if it did not come to that
   * @param stderr the start of what it printed to standard error
   * @param wroteToStdout whether anything came to standard output
   */
  record End(
      int code,
      boolean killed,
      boolean tooMuchDisk,
      @Nullable List<PluginFinding> report,
      String stderr,
      boolean wroteToStdout) {}

  TrialProcess(TrialLimits limits, Path work) {
    this.limits = limits;
    this.work = work;
  }

  End run(List<Path> packages) throws IOException, InterruptedException {
    Path scratch = Files.createDirectory(work.resolve("scratch"));
    Path report = work.resolve("report");
    Path out = work.resolve("stdout");
    Path err = work.resolve("stderr");
    Process process =
        new ProcessBuilder(command(report, scratch, packages))
            .directory(scratch.toFile())
            .redirectInput(ProcessBuilder.Redirect.from(new File(nullDevice())))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    boolean killed = false;
    boolean tooMuch = false;
    try {
      long end =
          System.nanoTime()
              + TimeUnit.SECONDS.toNanos(
                  (long) limits.seconds() * TrialMain.PATIENCE + STARTING_SECONDS);
      while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        tooMuch = sizeOf(work) > (long) limits.diskMiB() << 20;
        killed = System.nanoTime() > end;
        if (tooMuch || killed) {
          break;
        }
      }
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      var _ = process.destroyForcibly();
    }
    int code = process.waitFor();
    tooMuch |= sizeOf(work) > (long) limits.diskMiB() << 20;
    return new End(code, killed, tooMuch, TrialReport.read(report), start(err), hasBytes(out));
  }

  /** Limits files and drops the network before it becomes the JVM; needs nothing but a shell. */
  private String shell() {
    long blocks = ((long) limits.diskMiB() << 20) / 512;
    return "ulimit -f "
        + blocks
        + "; ulimit -c 0; if unshare -rn true 2> /dev/null;"
        + " then exec unshare -rn \"$@\"; else exec \"$@\"; fi";
  }

  private List<String> command(Path report, Path scratch, List<Path> packages) {
    List<String> command = new ArrayList<>();
    if (Files.isExecutable(Path.of("/bin/sh"))) {
      command.addAll(List.of("/bin/sh", "-c", shell(), "sh"));
    }
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx" + limits.heapMiB() + "m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-HeapDumpOnOutOfMemoryError",
            "-XX:ErrorFile=" + scratch.resolve("crash.log"),
            "-Xshare:auto",
            "-Xlog:disable",
            "-Xlog:all=error:stderr",
            "-Djava.io.tmpdir=" + scratch,
            "-Duser.home=" + scratch,
            "-Dcocovisor.cache=" + scratch.resolve("cache"),
            "-cp",
            absolute(System.getProperty("java.class.path")),
            TrialMain.class.getName(),
            report.toString(),
            Integer.toString(limits.seconds())));
    packages.forEach(p -> command.add(p.toString()));
    return command;
  }

  /** Entries of a class path may be relative to this process's folder; the trial has another. */
  private static String absolute(String classPath) {
    return Stream.of(classPath.split(File.pathSeparator, -1))
        .filter(e -> !e.isEmpty())
        .map(e -> Path.of(e).toAbsolutePath().toString())
        .reduce((a, b) -> a + File.pathSeparator + b)
        .orElse("");
  }

  private static String nullDevice() {
    return File.separatorChar == '\\' ? "NUL" : "/dev/null";
  }

  private static long sizeOf(Path folder) {
    long sum = 0;
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) all::iterator) {
        sum += Files.isRegularFile(p) ? Files.size(p) : 0;
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      return sum; // a file that went while it was looked at: the next look sees the rest
    }
    return sum;
  }

  private static boolean hasBytes(Path file) throws IOException {
    return Files.size(file) > 0;
  }

  private static String start(Path file) throws IOException {
    try (var in = Files.newInputStream(file)) {
      return new String(in.readNBytes(READ_BYTES), StandardCharsets.UTF_8);
    }
  }
}
