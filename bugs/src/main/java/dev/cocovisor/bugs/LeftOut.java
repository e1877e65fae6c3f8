package dev.cocovisor.bugs;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * An entry of the table of known bugs that this model does not hold.
 *
 * @param id its number
 * @param area what it is a bug of
 * @param why why not, in one line
 */
public record LeftOut(String id, String area, String why) {
  /** All of them, in the order of their numbers. */
  public static final List<LeftOut> ALL = read();

  private static List<LeftOut> read() {
    try (InputStream in = LeftOut.class.getResourceAsStream("left-out.txt")) {
      if (in == null) {
        throw new IllegalStateException("no left-out.txt");
      }
      var all = new ArrayList<LeftOut>();
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n", -1)) {
        String[] part = line.split(" \\| ", 3);
        if (part.length == 3) {
          all.add(new LeftOut(part[0].strip(), part[1].strip(), part[2].strip()));
        }
      }
      return List.copyOf(all);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
