package dev.cocovisor.tdx;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.SeamStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Completion statuses are written as numbers in one table only. */
class StatusNumbersTest {
  private static final Pattern NUMBER =
      Pattern.compile("0[xX]([0-9a-fA-F_]{9,})L?|-?\\b([0-9][0-9_]{10,})L");
  private static final String TABLE = "SeamStatus.java";

  private static final Set<Long> NAMES = names();

  private static Set<Long> names() {
    Set<Long> names = new HashSet<>();
    for (SeamStatus s : SeamStatus.values()) {
      if (s != SeamStatus.SUCCESS) {
        names.add(s.code());
      }
    }
    return names;
  }

  /** Tells whether a number carries a status's name, whatever its operand. */
  private static boolean isStatus(long number) {
    return NAMES.contains(number & SeamStatus.NAME_MASK);
  }

  private static List<String> statusesIn(String file, String text) {
    List<String> found = new ArrayList<>();
    Matcher m = NUMBER.matcher(text);
    while (m.find()) {
      long number =
          m.group(1) != null
              ? Long.parseUnsignedLong(m.group(1).replace("_", ""), 16)
              : Long.parseUnsignedLong(m.group(2).replace("_", ""));
      if (isStatus(number)) {
        found.add(file + ": " + m.group());
      }
    }
    return found;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> sources() throws IOException {
    Path main =
        Path.of(System.getProperty("cocovisor.root", "..")).resolve("backend-tdx/src/main/java");
    try (var files = Files.walk(main)) {
      return files.filter(f -> f.toString().endsWith(".java")).toList();
    }
  }

  @Test
  void noStatusIsWrittenAsABareNumberOutsideItsTable() throws IOException {
    List<String> found = new ArrayList<>();
    int files = 0;
    for (Path file : sources()) {
      String name = file.getFileName().toString();
      files++;
      if (!name.equals(TABLE)) {
        found.addAll(statusesIn(name, read(file)));
      }
    }
    assertThat(found).isEmpty();
    assertThat(files).isGreaterThan(60);
  }

  @Test
  void theTableHoldsEveryStatusOnce() throws IOException {
    for (Path file : sources()) {
      if (file.getFileName().toString().equals(TABLE)) {
        assertThat(statusesIn(TABLE, read(file))).hasSize(NAMES.size()).doesNotHaveDuplicates();
      }
    }
    assertThat(NAMES).hasSize(SeamStatus.values().length - 1);
  }

  @Test
  void theScanSeesHexadecimalAndDecimalNumbers() {
    assertThat(statusesIn("x", "return 0xC000_0B00_0000_0001L;")).hasSize(1);
    assertThat(statusesIn("x", "s == 0x8000020000000092L || t == 12124692676608L")).hasSize(2);
    assertThat(statusesIn("x", "1L << 63, 0x4000000000L, 0x000ffffffffff000L")).isEmpty();
  }
}
