package dev.cocovisor.cli.find;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.cli.print.UsageException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

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
      byte[] all = System.in.readAllBytes();
      boolean packed = all.length > 1 && all[0] == 0x1f && all[1] == (byte) 0x8b;
      InputStream in = new ByteArrayInputStream(all);
      byte[] plain = packed ? new GZIPInputStream(in).readAllBytes() : all;
      return LogSource.text("-", new String(plain, StandardCharsets.UTF_8));
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
