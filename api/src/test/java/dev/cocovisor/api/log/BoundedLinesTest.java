package dev.cocovisor.api.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A text that is no log cannot take memory by a line that never ends. */
class BoundedLinesTest {
  @TempDir Path folder;

  @Test
  void linesEndAsTheyDoAnywhere() throws IOException {
    try (BufferedReader in = LogSource.text("t", "\ufeffone\r\n\ntwo\nthree").opener().open()) {
      assertThat(in.readLine()).isEqualTo("one");
      assertThat(in.readLine()).isEmpty();
      assertThat(in.readLine()).isEqualTo("two");
      assertThat(in.readLine()).isEqualTo("three");
      assertThat(in.readLine()).isNull();
    }
  }

  @Test
  void linesOfAnyLengthAreWhole() throws IOException {
    String[] lines = new String[60];
    for (int i = 0; i < lines.length; i++) {
      lines[i] = "x".repeat(i * 997);
    }
    String text = String.join("\r\n", lines);
    try (BufferedReader in = LogSource.text("t", text).opener().open()) {
      assertThat(in.lines()).containsExactly(lines);
    }
    try (BufferedReader in = LogSource.text("t", "\ufeff").opener().open()) {
      assertThat(in.readLine()).isNull();
    }
  }

  @Test
  void aMarkLaterOnIsText() throws IOException {
    try (BufferedReader in = LogSource.text("t", "a\n\ufeffb").opener().open()) {
      assertThat(in.readLine()).isEqualTo("a");
      assertThat(in.readLine()).isEqualTo("\ufeffb");
    }
  }

  @Test
  void aPackedLineOfGigabytesEndsEarlyWithItsNumber() throws IOException {
    Path bomb = folder.resolve("bomb.kvmlog.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(bomb))) {
      out.write("# fine\n".getBytes(StandardCharsets.UTF_8));
      byte[] a = new byte[1 << 20];
      Arrays.fill(a, (byte) 'a');
      for (int i = 0; i < 64; i++) {
        out.write(a);
      }
    }
    try (BufferedReader in = LogSource.file(bomb).opener().open()) {
      assertThat(in.readLine()).isEqualTo("# fine");
      assertThatThrownBy(in::readLine)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("line 2 is longer than 1048576 characters");
    }
  }
}
