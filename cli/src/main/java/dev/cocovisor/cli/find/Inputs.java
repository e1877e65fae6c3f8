package dev.cocovisor.cli.find;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** What commands read: files, all that a folder holds, or the standard input. */
public final class Inputs {
  /** Stands for the standard input. */
  public static final Path STDIN = Path.of("-");

  private Inputs() {}

  /**
   * Opens a log or scenario.
   *
   * @throws UsageException if there is no such file
   */
  public static LogSource source(Path file) throws IOException {
    if (file.equals(STDIN)) {
      // What is read more than once lies in a file, however long it is.
      Path kept = Files.createTempFile("cocovisor-stdin-", ".log");
      kept.toFile().deleteOnExit();
      Files.copy(System.in, kept, StandardCopyOption.REPLACE_EXISTING);
      return new LogSource("-", LogSource.file(kept).opener());
    }
    if (!Files.isRegularFile(file)) {
      throw new UsageException(
          file + (Files.isDirectory(file) ? " is a folder" : ": no such file"));
    }
    return LogSource.file(file);
  }

  /** Returns about how many characters a file has; 0 where that is not known before it is read. */
  public static long length(Path file) throws IOException {
    boolean packed = file.toString().endsWith(".gz");
    return packed || !Files.isRegularFile(file) ? 0 : Files.size(file);
  }

  /**
   * Returns the files that are meant: a folder means all it holds that is of use, in the order of
   * names.
   *
   * @throws UsageException if a file is not there, or a folder holds nothing of use
   */
  public static List<Path> files(List<Path> named, Predicate<String> use) {
    List<Path> files = new ArrayList<>();
    for (Path p : named) {
      if (Files.isDirectory(p)) {
        List<Path> held = held(p, use);
        if (held.isEmpty()) {
          throw new UsageException(p + " holds no log");
        }
        files.addAll(held);
      } else if (!p.equals(STDIN) && !Files.isRegularFile(p)) {
        throw new UsageException(p + ": no such file");
      } else {
        files.add(p);
      }
    }
    return files;
  }

  private static List<Path> held(Path folder, Predicate<String> use) {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(f -> Files.isRegularFile(f) && use.test(f.toString())).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
