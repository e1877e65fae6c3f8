package dev.cocovisor.campaign;

import dev.cocovisor.campaign.work.Codec;
import dev.cocovisor.campaign.work.Result;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The results of a campaign, a line of JSON each, in a file.
 *
 * <p>Memory holds where the lines of the round under way are, and nothing of the rounds before: a
 * campaign's rounds always come in the same order, so a file that an earlier run left is read on
 * round by round. A line that was cut off when a run ended is left out: its item is made again.
 */
final class ResultLines implements AutoCloseable {
  /** Where a line is in the file. */
  private record Line(long at, int length) {}

  private final FileChannel file;
  private final InputStream before;
  private final Map<String, Line> round = new HashMap<>();
  private final long left;
  private long end;
  private long read;
  private byte @Nullable [] ahead;

  private ResultLines(FileChannel file, InputStream before) throws IOException {
    this.file = file;
    this.before = before;
    this.left = file.size();
    this.end = left;
    this.ahead = line(before);
  }

  /** Opens a file of results, making it if it is not there. */
  static ResultLines open(Path path) throws IOException {
    if (Files.exists(path)) {
      dropCutOff(path);
    }
    FileChannel file =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    InputStream before = new BufferedInputStream(Files.newInputStream(path), 1 << 16);
    return new ResultLines(file, before);
  }

  private static void dropCutOff(Path path) throws IOException {
    Path part = path.resolveSibling(path.getFileName() + ".part");
    try (var in = new BufferedInputStream(Files.newInputStream(path), 1 << 16);
        var out = new BufferedOutputStream(Files.newOutputStream(part), 1 << 16)) {
      for (byte[] line = line(in); line != null; line = line(in)) {
        if (result(line) != null) {
          out.write(line);
          out.write('\n');
        }
      }
    }
    Files.move(part, path, StandardCopyOption.REPLACE_EXISTING);
  }

  private static @Nullable Result result(byte[] line) {
    try {
      return Codec.result(new String(line, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static byte @Nullable [] line(InputStream in) throws IOException {
    int b = in.read();
    if (b < 0) {
      return null;
    }
    var line = new ByteArrayOutputStream();
    for (; b >= 0 && b != '\n'; b = in.read()) {
      line.write(b);
    }
    return line.toByteArray();
  }

  /** Begins a round: from now on its items are known, and those of the round before are not. */
  void begin(Set<String> items) throws IOException {
    round.clear();
    for (byte[] line = ahead; line != null; line = ahead) {
      Result r = result(line);
      if (r == null || !items.contains(r.item())) {
        return;
      }
      var _ = round.putIfAbsent(r.item(), new Line(read, line.length));
      read += line.length + 1;
      // What is written from now on is not read on: its round is the one it is written in.
      ahead = read < left ? line(before) : null;
    }
  }

  /** Keeps a result; one of an item of the round that has one already is passed over. */
  void keep(Result result) throws IOException {
    if (round.containsKey(result.item())) {
      return;
    }
    byte[] line = (Codec.text(result) + "\n").getBytes(StandardCharsets.UTF_8);
    var bytes = ByteBuffer.wrap(line);
    while (bytes.hasRemaining()) {
      var _ = file.write(bytes, end + bytes.position());
    }
    round.put(result.item(), new Line(end, line.length - 1));
    end += line.length;
  }

  /** Returns the result of an item of the round under way; null if it has none yet. */
  @Nullable Result of(String item) throws IOException {
    Line l = round.get(item);
    if (l == null) {
      return null;
    }
    var bytes = ByteBuffer.allocate(l.length());
    while (bytes.hasRemaining()) {
      if (file.read(bytes, l.at() + bytes.position()) < 0) {
        throw new EOFException("the line of " + item + " is gone");
      }
    }
    return Codec.result(new String(bytes.array(), StandardCharsets.UTF_8));
  }

  /** Returns of how many items memory knows where their results are. */
  int known() {
    return round.size();
  }

  @Override
  public void close() throws IOException {
    before.close();
    file.close();
  }
}
