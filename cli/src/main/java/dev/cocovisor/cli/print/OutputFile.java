package dev.cocovisor.cli.print;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that commands write. */
public final class OutputFile {
  private OutputFile() {}

  /**
   * Refuses a file that is there, unless it may be overwritten; to be asked before the work begins.
   *
   * @param option the option that named it
   */
  public static void check(String option, Path file, boolean force) {
    if (Files.exists(file) && !force) {
      throw new UsageException(
          option + ": " + file + " is there already; --force overwrites it, or name another file");
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null && !Files.isDirectory(folder)) {
      throw new UsageException(option + ": there is no folder " + folder + "; make it first");
    }
  }

  /** Writes text, whole or not at all. */
  public static void write(Path file, String text) throws IOException {
    Files.writeString(file, text);
  }
}
