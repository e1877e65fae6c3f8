package dev.cocovisor.live.agent;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * Machine code from a listing: a line has an instruction's bytes in hex and behind {@code #} what
 * they mean, or a label and a colon.
 */
public final class Listing {
  private final byte[] code;
  private final Map<String, Integer> labels;

  private Listing(byte[] code, Map<String, Integer> labels) {
    this.code = code;
    this.labels = labels;
  }

  /**
   * Reads a listing beside a class.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static Listing of(Class<?> owner, String name) {
    var code = new ByteArrayOutputStream();
    var labels = new HashMap<String, Integer>();
    try (InputStream in = owner.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalArgumentException("no listing " + name);
      }
      var lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int comment = line.indexOf('#');
        String text = (comment < 0 ? line : line.substring(0, comment)).strip();
        if (text.endsWith(":")) {
          labels.put(text.substring(0, text.length() - 1), code.size());
        } else {
          code.writeBytes(HexFormat.of().parseHex(text));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Listing(code.toByteArray(), Map.copyOf(labels));
  }

  /** Returns the bytes. */
  public byte[] code() {
    return code.clone();
  }

  /**
   * Returns where a label stands, in bytes from the start.
   *
   * @throws IllegalArgumentException if there is no such label
   */
  public int at(String label) {
    Integer at = labels.get(label);
    if (at == null) {
      throw new IllegalArgumentException("no label " + label);
    }
    return at;
  }
}
