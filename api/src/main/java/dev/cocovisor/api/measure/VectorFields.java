package dev.cocovisor.api.measure;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Strict reading of one JSON object of a vector file, given as a plain map. Addresses, masks and
 * 64-bit values are strings {@code "0x…"}, small counts are numbers, digests are lower-case hex.
 *
 * @param map the object
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VectorFields(Map<String, ?> map) {

  /** Tells whether {@code key} is there and not null. */
  public boolean has(String key) {
    return map.get(key) != null;
  }

  /** Returns a string. */
  public String text(String key) {
    if (require(key) instanceof String s) {
      return s;
    }
    throw wrong(key, "a string");
  }

  /** Returns a string, or null if it is absent or null. */
  public @Nullable String textOrNull(String key) {
    return has(key) ? text(key) : null;
  }

  /** Returns a boolean; absent is false. */
  public boolean flag(String key) {
    if (!has(key)) {
      return false;
    }
    if (require(key) instanceof Boolean b) {
      return b;
    }
    throw wrong(key, "true or false");
  }

  /** Returns a number that fits an int. */
  public int count(String key) {
    return number(key, require(key));
  }

  /** Returns a value of up to 64 bits: {@code "0x…"} or a number that is not negative. */
  public long hex(String key) {
    return hex(key, require(key));
  }

  /** Returns the bytes of a hex string. */
  public byte[] bytes(String key) {
    try {
      return HexFormat.of().parseHex(text(key));
    } catch (IllegalArgumentException e) {
      throw new MalformedVector("\"" + key + "\" is not hex: " + e.getMessage());
    }
  }

  /** Returns a nested object. */
  public VectorFields object(String key) {
    if (require(key) instanceof Map<?, ?> m) {
      return of(m);
    }
    throw wrong(key, "an object");
  }

  /** Returns the names of this object's fields. */
  public List<String> keys() {
    return List.copyOf(map.keySet());
  }

  /** Returns a list of objects. */
  public List<VectorFields> objects(String key) {
    List<VectorFields> out = new ArrayList<>();
    for (Object o : list(key)) {
      if (!(o instanceof Map<?, ?> m)) {
        throw wrong(key, "a list of objects");
      }
      out.add(of(m));
    }
    return out;
  }

  /** Returns a list of 64-bit values. */
  public long[] hexes(String key) {
    return list(key).stream().mapToLong(o -> hex(key, o)).toArray();
  }

  /** Returns a list of whatever it holds. */
  public List<?> list(String key) {
    if (require(key) instanceof List<?> l) {
      return l;
    }
    throw wrong(key, "a list");
  }

  /**
   * Reads a file of {@code folder} under {@code directory}, by the name in {@code key}. A file that
   * is missing is the vector's fault: it must not pass for a refused input.
   */
  public byte[] read(String key, Path directory, String folder) {
    return read(text(key), directory.resolve(folder));
  }

  /**
   * Reads the file {@code name} of {@code folder}: a file's name, which may begin with folders
   * below it, separated by {@code /}.
   */
  public static byte[] read(String name, Path folder) {
    Path file = within(name, folder);
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new MalformedVector("cannot read " + file + ": " + e);
    }
  }

  private static Path within(String name, Path folder) {
    if (!name.isEmpty() && !name.contains("\\") && name.indexOf('\0') < 0) {
      Path base = folder.normalize();
      Path file = base.resolve(name).normalize();
      if (!file.equals(base) && file.startsWith(base)) {
        return file;
      }
    }
    throw new MalformedVector("not the name of a file in " + folder + ": " + name);
  }

  /**
   * Returns page content described as {@code {"fill": byte}} or {@code {"splitmix64": seed, "skip":
   * offset}}.
   *
   * @param length bytes wanted
   */
  public byte[] content(String key, int length) {
    VectorFields c = object(key);
    byte[] out = new byte[length];
    if (c.has("fill")) {
      Arrays.fill(out, (byte) c.count("fill"));
    } else {
      splitMix64(c.hex("splitmix64"), c.has("skip") ? c.hex("skip") : 0, out);
    }
    return out;
  }

  /** Fills {@code out} from byte {@code skip} of the splitmix64 stream of {@code seed}. */
  static void splitMix64(long seed, long skip, byte[] out) {
    long word = skip >>> 3;
    long value = splitMix64(seed, word);
    for (int i = 0; i < out.length; i++) {
      long at = skip + i;
      if (at >>> 3 != word) {
        word = at >>> 3;
        value = splitMix64(seed, word);
      }
      out[i] = (byte) (value >>> ((at & 7) * 8));
    }
  }

  private static long splitMix64(long seed, long index) {
    long z = seed + (index + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  private Object require(String key) {
    Object value = map.get(key);
    if (value == null) {
      throw new MalformedVector("\"" + key + "\" is missing");
    }
    return value;
  }

  private static int number(String key, Object value) {
    if (value instanceof Integer i) {
      return i;
    }
    if (value instanceof Long l && (int) (long) l == l) {
      return (int) (long) l;
    }
    throw wrong(key, "a small number");
  }

  private static long hex(String key, Object value) {
    if (value instanceof Integer || value instanceof Long) {
      long n = ((Number) value).longValue();
      if (n < 0) {
        throw wrong(key, "a number that is not negative");
      }
      return n;
    }
    if (value instanceof BigInteger b && b.signum() >= 0 && b.bitLength() <= 64) {
      return b.longValue();
    }
    if (value instanceof String s && s.startsWith("0x")) {
      try {
        return Long.parseUnsignedLong(s, 2, s.length(), 16);
      } catch (NumberFormatException e) {
        throw wrong(key, "a 64-bit \"0x…\" string, but \"" + s + "\"");
      }
    }
    throw wrong(key, "a \"0x…\" string");
  }

  @SuppressWarnings("unchecked") // a JSON object's keys are strings
  private static VectorFields of(Map<?, ?> map) {
    return new VectorFields((Map<String, ?>) map);
  }

  private static MalformedVector wrong(String key, String wanted) {
    return new MalformedVector("\"" + key + "\" is not " + wanted);
  }
}
