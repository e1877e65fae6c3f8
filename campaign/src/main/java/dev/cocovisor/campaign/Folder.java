package dev.cocovisor.campaign;

import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.file.Sha256;
import dev.cocovisor.campaign.work.Breakage;
import dev.cocovisor.campaign.work.Codec;
import dev.cocovisor.campaign.work.KeptProgram;
import dev.cocovisor.campaign.work.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A campaign's folder: {@code campaign.sha256} says which one it is, {@code results.jsonl} has a
 * line an item, {@code findings} a file a finding, {@code corpus} the programs that reached
 * something new, {@code coverage} the rules and the pairs of schedule points that were seen, {@code
 * status.json} how far it is. A file {@code stop} ends the campaign.
 */
public final class Folder implements AutoCloseable {
  private static final String DIGEST = "campaign.sha256";
  private static final String RESULTS = "results.jsonl";
  private static final String STATUS = "status.json";
  private static final String STOP = "stop";

  private final Path path;
  private final ResultLines lines;

  private Folder(Path path, ResultLines lines) {
    this.path = path;
    this.lines = lines;
  }

  /**
   * Opens a campaign's folder, making it if it is not there.
   *
   * @throws CampaignException if it is another campaign's
   */
  public static Folder open(Path path, CampaignFile file) throws IOException {
    Files.createDirectories(path.resolve("findings"));
    Files.createDirectories(path.resolve("corpus"));
    Files.createDirectories(path.resolve("coverage"));
    String digest = Sha256.of(file.content());
    Path which = path.resolve(DIGEST);
    if (Files.exists(which) && !Files.readString(which).strip().equals(digest)) {
      throw new CampaignException(
          path
              + ": holds the results of another campaign, or of other contents of this one; name"
              + " another folder by --out, or remove it");
    }
    Files.writeString(which, digest + "\n");
    Files.deleteIfExists(path.resolve(STOP));
    return new Folder(path, ResultLines.open(path.resolve(RESULTS)));
  }

  /** Begins a round of items; what is kept of those before stays in the file only. */
  void begin(Set<String> items) {
    try {
      lines.begin(items);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /** Returns the result that is kept of an item of the round under way; null if there is none. */
  @Nullable Result kept(String item) {
    try {
      return lines.of(item);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /** Keeps a result of the round under way; one of an item that has one already is passed over. */
  void keep(Result result) {
    try {
      lines.keep(result);
    } catch (IOException e) {
      throw full(e);
    }
  }

  /** Writes a finding's file; returns its path. */
  Path keep(Breakage found, int number) {
    String name = found.where().replaceAll("[^A-Za-z0-9]+", "-").replaceAll("^-|-$", "");
    name = name.length() > 60 ? name.substring(0, 60) : name;
    Path to =
        path.resolve("findings").resolve("%03d-%s.%s".formatted(number, name, found.suffix()));
    write(to, found.text());
    return to;
  }

  /** Writes the programs that a task keeps. */
  void keep(int task, List<KeptProgram> corpus) {
    var text = new StringBuilder();
    for (KeptProgram p : corpus) {
      text.append(p.seed()).append(' ').append(String.join(" | ", p.reached())).append('\n');
    }
    write(path.resolve("corpus").resolve("task-" + task + ".txt"), text.toString());
  }

  /** Writes what was covered: {@code rules.txt} and {@code pairs.txt}, a line each. */
  void coverage(List<String> ruled, List<String> pairs) {
    write(path.resolve("coverage").resolve("rules.txt"), lines(ruled));
    write(path.resolve("coverage").resolve("pairs.txt"), lines(pairs));
  }

  private static String lines(List<String> of) {
    return of.isEmpty() ? "" : String.join("\n", of) + "\n";
  }

  /** Writes how far the campaign is. */
  void status(Map<String, Object> status) {
    write(path.resolve(STATUS), Codec.json(status) + "\n");
  }

  private void write(Path to, String text) {
    try {
      Path part = to.resolveSibling(to.getFileName() + ".part");
      Files.writeString(part, text);
      Files.move(part, to, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw full(e);
    }
  }

  private CampaignException unreadable(IOException e) {
    return new CampaignException(
        path.resolve(RESULTS)
            + ": cannot be read ("
            + e.getMessage()
            + "); put it back as it was, or give another folder by --out to begin again",
        e);
  }

  private CampaignException full(IOException e) {
    return new CampaignException(
        path
            + ": cannot be written ("
            + e.getMessage()
            + "); what was made before is kept. Make room and run the campaign again with the same"
            + " folder: it goes on where it was",
        e);
  }

  /** Tells whether somebody asked the campaign to stop. */
  boolean stopAsked() {
    return Files.exists(path.resolve(STOP));
  }

  /**
   * Asks the campaign of a folder to stop.
   *
   * @throws CampaignException if there is none
   */
  public static void stop(Path path) throws IOException {
    var _ = statusOf(path);
    Files.writeString(path.resolve(STOP), "");
  }

  /**
   * Returns how far the campaign of a folder is, as it said last.
   *
   * @throws CampaignException if there is none
   */
  public static String statusOf(Path path) throws IOException {
    Path status = path.resolve(STATUS);
    if (!Files.exists(status)) {
      throw new CampaignException(
          path + ": no campaign's folder; 'campaign run FILE --out " + path + "' makes one");
    }
    return Files.readString(status);
  }

  @Override
  public void close() {
    try {
      lines.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
