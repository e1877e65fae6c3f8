package dev.cocovisor.campaign.file;

import dev.cocovisor.api.Nearest;
import dev.cocovisor.explore.Search;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * A campaign as its file describes it, with the files that it names; the members of a campaign need
 * nothing else.
 *
 * @param name the campaign's name: letters, digits, dots and dashes
 * @param text the file's text
 * @param seconds how long it may take
 * @param plugins the plugins it uses
 * @param blocks what to do
 * @param files the bytes of the scenarios and logs, by the names that the blocks use
 */
public record CampaignFile(
    String name,
    String text,
    long seconds,
    List<Pin> plugins,
    List<CampaignEntry> blocks,
    SortedMap<String, byte[]> files) {
  /** A year: a campaign that says nothing ends when all is done. */
  private static final long UNLIMITED = 365L * 86_400;

  private static final List<String> STRATEGIES =
      List.of("bound", "delays", "dpor", "pct", "pos", "random");
  private static final List<String> LIBRARIES = List.of("pairs", "triples");

  /**
   * Reads a campaign and the files it names, which are looked for beside it.
   *
   * @throws CampaignException if it cannot be run; the text says where and why
   */
  public static CampaignFile read(Path file) throws IOException {
    String text = Files.readString(file);
    var files = new TreeMap<String, byte[]>();
    Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent());
    CampaignFile read =
        parse(
            file.toString(),
            text,
            pattern -> {
              List<Path> found = Patterns.find(folder, pattern);
              for (Path p : found) {
                files.put(Patterns.name(folder, p), Files.readAllBytes(p));
              }
              return found.stream().map(p -> Patterns.name(folder, p)).toList();
            });
    return new CampaignFile(read.name, text, read.seconds, read.plugins, read.blocks, files);
  }

  /**
   * Makes a campaign of its text and the files that another member read.
   *
   * @throws CampaignException if it cannot be run
   */
  public static CampaignFile of(String name, String text, SortedMap<String, byte[]> files) {
    try {
      CampaignFile read = parse(name, text, pattern -> Patterns.among(files.keySet(), pattern));
      return new CampaignFile(read.name, text, read.seconds, read.plugins, read.blocks, files);
    } catch (IOException e) {
      throw new CampaignException(name + ": " + e.getMessage(), e);
    }
  }

  /** Finds the files that a word of a campaign names. */
  @FunctionalInterface
  private interface Finder {
    List<String> find(String pattern) throws IOException;
  }

  private static CampaignFile parse(String file, String text, Finder finder) throws IOException {
    YamlMap map = YamlMap.of(file, text);
    String name = map.text("campaign");
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9.-]{0,63}")) {
      throw map.wrong("campaign", "a name of letters, digits, dots and dashes expected");
    }
    List<Pin> pins = new ArrayList<>();
    for (YamlMap p : map.maps("plugins")) {
      pins.add(new Pin(p.text("file"), p.text("sha256")));
      if (!pins.getLast().sha256().matches("[0-9a-f]{64}")) {
        throw p.wrong("sha256", "64 digits in lower-case hex expected, as sha256sum prints them");
      }
      p.nothingElse();
    }
    List<CampaignEntry> blocks = new ArrayList<>();
    for (YamlMap b : map.maps("explore")) {
      blocks.add(explore(b, finder));
    }
    for (YamlMap b : map.maps("programs")) {
      blocks.add(programs(b));
    }
    for (YamlMap b : map.maps("kit")) {
      blocks.add(new CampaignEntry.Kit(technologies(b), settings(b), b.words("rules", List.of())));
      b.nothingElse();
    }
    for (YamlMap b : map.maps("replay")) {
      blocks.add(new CampaignEntry.Replay(settings(b), found(b, "logs", finder)));
      b.nothingElse();
    }
    long seconds = map.number("seconds", 1, UNLIMITED);
    map.nothingElse();
    if (blocks.isEmpty()) {
      throw map.wrong("nothing to do: 'explore', 'programs', 'kit' or 'replay' expected");
    }
    return new CampaignFile(
        name, text, seconds, List.copyOf(pins), List.copyOf(blocks), new TreeMap<>());
  }

  private static CampaignEntry explore(YamlMap b, Finder finder) throws IOException {
    if (b.has("library") == b.has("scenarios")) {
      throw b.wrong("either 'library' or 'scenarios' expected");
    }
    String library = b.has("library") ? b.text("library") : null;
    if (library != null && !LIBRARIES.contains(library)) {
      throw b.wrong("library", Nearest.refusal("library", library, LIBRARIES));
    }
    List<String> scenarios = library == null ? found(b, "scenarios", finder) : List.of();
    List<String> technologies = b.words("technologies", List.of());
    if (library != null && technologies.isEmpty()) {
      throw b.wrong("'technologies' is missing");
    }
    long most = b.number("schedules", 1, 1_000_000);
    var block =
        new CampaignEntry.Explore(
            technologies,
            settings(b),
            library,
            scenarios,
            searches(b, most),
            most,
            b.number("slice", 1, 2_000),
            library == null && b.has("bug") ? b.text("bug") : null);
    b.nothingElse();
    return block;
  }

  private static List<Search> searches(YamlMap b, long most) {
    String strategy = b.text("strategy", "bound");
    int bound = (int) Math.min(b.number("bound", 0, 2), 1_000);
    int choices = (int) Math.min(b.number("choices", 0, 0), 1_000);
    long[] seeds = b.range("seeds", new long[] {1, 1});
    LongStream each = LongStream.rangeClosed(seeds[0], seeds[1]);
    return switch (strategy) {
      case "bound" ->
          List.of(
              choices == 0 ? new Search.Preemptions(bound) : new Search.Choices(bound, choices));
      case "delays" -> List.of(new Search.Delays(bound));
      case "dpor" -> List.of(new Search.Dpor());
      case "pct" -> each.<Search>mapToObj(s -> new Search.Pct(s, bound + 1, most)).toList();
      case "pos" -> each.<Search>mapToObj(s -> new Search.Pos(s, most)).toList();
      case "random" -> each.<Search>mapToObj(s -> new Search.Uniform(s, most)).toList();
      default -> throw b.wrong("strategy", Nearest.refusal("strategy", strategy, STRATEGIES));
    };
  }

  private static CampaignEntry programs(YamlMap b) {
    long[] seeds = b.range("seeds", new long[] {1, 100});
    var block =
        new CampaignEntry.Programs(
            technologies(b),
            settings(b),
            seeds[0],
            seeds[1],
            b.number("batch", 1, 20),
            (int) Math.min(b.number("length", 1, 60), 1_000_000),
            (int) Math.min(b.number("rounds", 0, 0), 1_000_000),
            b.has("bug") ? b.text("bug") : null);
    b.nothingElse();
    return block;
  }

  private static List<String> technologies(YamlMap b) {
    List<String> ids = b.words("technologies", List.of());
    if (ids.isEmpty()) {
      throw b.wrong("'technologies' is missing");
    }
    return ids;
  }

  private static List<Map<String, String>> settings(YamlMap b) {
    List<Map<String, String>> each = b.maps("settings").stream().map(YamlMap::all).toList();
    return each.isEmpty() ? List.of(Map.of()) : each;
  }

  private static List<String> found(YamlMap b, String key, Finder finder) throws IOException {
    List<String> all = new ArrayList<>();
    for (String pattern : b.words(key, List.of())) {
      List<String> found = finder.find(pattern);
      if (found.isEmpty()) {
        throw b.wrong(key, "'" + pattern + "' names no file beside the campaign's");
      }
      all.addAll(found);
    }
    if (all.isEmpty()) {
      throw b.wrong("'" + key + "' is missing");
    }
    return all.stream().distinct().sorted().toList();
  }

  /** Returns what identifies the campaign: its text, and the names and bytes of its files. */
  public byte[] content() {
    Stream<byte[]> parts =
        Stream.concat(
            Stream.of(text.getBytes(StandardCharsets.UTF_8)),
            files.entrySet().stream()
                .flatMap(
                    e -> Stream.of(e.getKey().getBytes(StandardCharsets.UTF_8), e.getValue())));
    return joined(parts.toList());
  }

  /** Each part stands behind its length, so that no other parts give the same bytes. */
  private static byte[] joined(List<byte[]> parts) {
    var all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(part.length).array());
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
