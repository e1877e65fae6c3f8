package dev.cocovisor.api.log;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.apiguardian.api.API;

/**
 * A log's text and the name it is reported by.
 *
 * @param name the path as the user gave it
 * @param opener opens the plain text anew
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record LogSource(String name, Opener opener) {
  /**
   * Opens the text.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  @FunctionalInterface
  public interface Opener {
    /** Opens a reader at the first line. */
    BufferedReader open() throws IOException;
  }

  /**
   * Reads a file, unpacking it if it begins as gzip does (whatever its name). A line of more than a
   * million characters is an IOException, a byte order mark is passed over.
   */
  public static LogSource file(Path path) {
    return new LogSource(path.toString(), () -> openFile(path));
  }

  /** Wraps text held in memory. */
  public static LogSource text(String name, String text) {
    return new LogSource(name, () -> new BoundedLines(new StringReader(text)));
  }

  /** What cannot be unpacked says which file it is. */
  private static InputStream named(String name, InputStream in) {
    return new FilterInputStream(in) {
      @Override
      public int read(byte[] into, int from, int length) throws IOException {
        try {
          return super.read(into, from, length);
        } catch (ZipException | EOFException e) {
          throw new IOException(name + ": damaged gzip: " + e.getMessage(), e);
        }
      }
    };
  }

  /**
   * Wraps a file's bytes held in memory, as {@link #file} reads them.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  public static LogSource bytes(String name, byte[] bytes) {
    return new LogSource(name, () -> unpacked(name, new ByteArrayInputStream(bytes)));
  }

  private static BufferedReader openFile(Path path) throws IOException {
    return unpacked(path.toString(), new BufferedInputStream(Files.newInputStream(path), 1 << 16));
  }

  private static BufferedReader unpacked(String name, InputStream in) throws IOException {
    in.mark(2);
    boolean gzip = in.read() == 0x1f && in.read() == 0x8b;
    in.reset();
    InputStream plain = gzip ? named(name, new GZIPInputStream(in, 1 << 16)) : in;
    return new BoundedLines(new InputStreamReader(plain, StandardCharsets.UTF_8));
  }
}
