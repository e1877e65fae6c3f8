package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page of refusals is what {@code measure} prints, and no refusal of the sources is missing.
 */
class MeasureRefusalsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Path PAGE = ROOT.resolve("docs/measure-refusals.md");
  private static final String PROMPT = "$ cocovisor ";
  private static final Pattern MADE = Pattern.compile("([\\w.-]+): (\\S+)(?: (.*))?");

  private static final Pattern MEASUREMENT = Pattern.compile("[0-9a-f]{64}");

  /** Where a refusal begins, and the words of its first text. */
  private static final Pattern REFUSAL =
      Pattern.compile("(?:new MeasureException|new UsageException|\\brefuse)\\s*\\(([^;]*);");

  private static final Pattern TEXT = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"");

  @TempDir Path dir;

  /** Commands that were not refused. */
  private final List<String> taken = new ArrayList<>();

  private String here(String word) {
    if (Files.exists(dir.resolve(word))) {
      return dir.resolve(word).toString();
    }
    return word.startsWith("conformance/") ? ROOT.resolve(word).toString() : word;
  }

  private List<String> refusal(String words) {
    String[] args = Stream.of(words.split(" ", -1)).map(this::here).toArray(String[]::new);
    Ran ran = Ran.of(args);
    if (ran.code() != ExitCode.USAGE || MEASUREMENT.matcher(ran.out()).find()) {
      taken.add(words + ": exit " + ran.code() + ", " + ran.out());
    }
    return ran.err().replace(dir + "/", "").replace(ROOT + "/", "").lines().toList();
  }

  /** Makes a file as the page says. */
  private void make(Matcher m) throws IOException {
    Path file = dir.resolve(m.group(1));
    String how = m.group(3) == null ? "" : m.group(3);
    if (m.group(2).equals("text")) {
      Files.writeString(file, how.replace("\\n", "\n"));
      return;
    }
    byte[] bytes = Files.readAllBytes(ROOT.resolve(m.group(2)));
    for (String change : how.substring("with ".length()).split(" ", -1)) {
      bytes = changed(bytes, change);
    }
    Files.write(file, bytes);
  }

  private static byte[] changed(byte[] bytes, String change) {
    if (change.equals("igvm-checksum")) {
      ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      in.putInt(20, 0);
      var crc = new CRC32();
      crc.update(bytes, 0, in.getInt(8) + in.getInt(12));
      in.putInt(20, (int) crc.getValue());
      return bytes;
    }
    String[] parts = change.split("=", -1);
    if (parts[0].equals("cut")) {
      return Arrays.copyOf(bytes, Integer.decode(parts[1]));
    }
    byte[] put = HexFormat.of().parseHex(parts[1]);
    System.arraycopy(put, 0, bytes, Integer.decode(parts[0]), put.length);
    return bytes;
  }

  /** Returns the page with what is printed today. */
  private String printed() throws IOException {
    var out = new ArrayList<String>();
    boolean pasted = false;
    for (String line : Files.readAllLines(PAGE)) {
      pasted ^= line.equals("```");
      Matcher made = MADE.matcher(line);
      if (pasted && line.startsWith(PROMPT)) {
        out.add(line);
        out.addAll(refusal(line.substring(PROMPT.length())));
      } else if (pasted && !line.startsWith("cocovisor: ") && made.matches()) {
        out.add(line);
        make(made);
      } else if (!pasted || line.equals("```")) {
        out.add(line);
      }
    }
    return String.join("\n", out) + "\n";
  }

  @Test
  void thePageIsWhatIsPrinted() throws IOException {
    String printed = printed();
    Path today = Files.createDirectories(ROOT.resolve("target")).resolve("measure-refusals.md");
    Files.writeString(today, printed);
    assertThat(taken).isEmpty();
    assertThat(Files.readString(PAGE))
        .as("what is printed today is in " + today)
        .isEqualTo(printed);
  }

  @Test
  void noRefusalOfTheSourcesIsMissing() throws IOException {
    // Lines are wrapped nowhere: a text that stands in two pieces is looked for piece by piece.
    String page = Files.readString(PAGE);
    var missing = new ArrayList<String>();
    int seen = 0;
    for (Path file : sources()) {
      Matcher m = REFUSAL.matcher(Files.readString(file));
      while (m.find()) {
        String words = longest(m.group(1));
        seen += words.isEmpty() ? 0 : 1;
        if (!words.isEmpty() && !page.contains(words)) {
          missing.add(file.getFileName() + ": " + words);
        }
      }
    }
    assertThat(seen).isGreaterThan(120);
    assertThat(missing).isEmpty();
  }

  /** The longest words of a refusal that are the same whatever is refused. */
  private static String longest(String expression) {
    String longest = "";
    Matcher m = TEXT.matcher(expression);
    while (m.find()) {
      for (String piece : m.group(1).split("%[0-9a-z]*[dxs]", -1)) {
        longest = piece.strip().length() > longest.length() ? piece.strip() : longest;
      }
    }
    return longest;
  }

  private static List<Path> sources() throws IOException {
    var all = new ArrayList<Path>();
    for (String module : List.of("api", "backend-sev-snp", "backend-tdx", "backend-cca", "cli")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module + "/src/main/java"))) {
        files
            .filter(f -> f.toString().endsWith(".java"))
            .filter(f -> f.toString().contains("/measure/"))
            .forEach(all::add);
      }
    }
    return all;
  }
}
