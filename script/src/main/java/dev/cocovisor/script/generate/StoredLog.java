package dev.cocovisor.script.generate;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * Logs that tables of checks say, stored so that they can be read and replayed without the tables.
 */
public final class StoredLog {
  /** The system property that has a log written anew. */
  public static final String WRITE = "cocovisor.write";

  private StoredLog() {}

  /** Replays a log's text on a host with one technology; returns the answers that differ. */
  public static List<Mismatch> differences(Backend on, String text) throws IOException {
    List<Mismatch> found = new ArrayList<>();
    var _ =
        new KvmLogReplayer(Technologies.of(List.of(on)))
            .replay(LogSource.text("checks.kvmlog", text), ReplayOptions.ALL, found::add);
    return found;
  }

  /**
   * Returns what a packed file holds; with {@code -Dcocovisor.write=true} a text is written there
   * first.
   */
  public static String held(Path file, String text) throws IOException {
    if (Boolean.getBoolean(WRITE)) {
      try (var out = new GZIPOutputStream(Files.newOutputStream(file))) {
        out.write(text.getBytes(StandardCharsets.UTF_8));
      }
    }
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
