package dev.cocovisor.cli.trace;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;

/** Where logs are written. */
final class LogFiles {
  private LogFiles() {}

  /** Opens a log for writing, packed where its name ends in {@code .gz}. */
  static Writer create(Path path) throws IOException {
    OutputStream file = Files.newOutputStream(path);
    OutputStream plain =
        path.toString().endsWith(".gz") ? new GZIPOutputStream(file, 1 << 16) : file;
    return new BufferedWriter(new OutputStreamWriter(plain, StandardCharsets.UTF_8), 1 << 16);
  }
}
