package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * How a host builds a realm, as text: one RMI call a line, {@code NAME key=value …}; {@code #}
 * begins a comment. Numbers are hexadecimal with {@code 0x}, or decimal with an optional K, M, G or
 * T. Files lie relative to the step file.
 *
 * <pre>{@code
 * REALM_CREATE s2sz=40 hash-algo=sha256 num-bps=1 num-wps=1
 * INIT_RIPAS base=0x80000000 top=0xA0000000 block=2M
 * DATA_CREATE ipa=0x80000000 flags=1 file=kernel.bin
 * DATA_CREATE_UNKNOWN ipa=0x90000000 size=64K
 * REC_CREATE flags=1 pc=0x80000000 gprs=0x90000000
 * }</pre>
 *
 * DATA_CREATE of a file is one call a page, the last page filled up with zeros; {@code offset} and
 * {@code size} choose a part of it, {@code fill} stands in for a file.
 */
final class StepFile {
  private static final int PAGE = Rim.PAGE;
  private static final long[] BLOCKS = {1L << 12, 1L << 21, 1L << 30, 1L << 39};

  private final Path file;
  private final List<Line> lines = new ArrayList<>();

  /** One call. */
  private record Line(int number, String name, Map<String, String> values) {}

  StepFile(Path file) {
    this.file = file;
    String text = new String(FirmwareImage.bytesOf(file), StandardCharsets.UTF_8);
    int number = 0;
    for (String raw : text.lines().toList()) {
      number++;
      int comment = raw.indexOf('#');
      String line = (comment < 0 ? raw : raw.substring(0, comment)).strip();
      if (!line.isEmpty()) {
        lines.add(line(number, line));
      }
    }
  }

  private Line line(int number, String text) {
    String[] words = text.split("\\s+", -1);
    Map<String, String> values = new HashMap<>();
    for (int i = 1; i < words.length; i++) {
      int equals = words[i].indexOf('=');
      if (equals < 1) {
        throw refuse(number, "'" + words[i] + "' is not key=value");
      }
      if (values.put(words[i].substring(0, equals), words[i].substring(equals + 1)) != null) {
        throw refuse(number, "'" + words[i].substring(0, equals) + "' is given twice");
      }
    }
    return new Line(number, words[0], Map.copyOf(values));
  }

  /**
   * Builds the realm and returns its RIM.
   *
   * @param overrides settings of the realm that win over the file's REALM_CREATE line
   */
  byte[] run(Map<String, String> overrides, StepSink steps) {
    Map<String, String> settings = new HashMap<>();
    int first = 0;
    if (!lines.isEmpty() && lines.getFirst().name.equals("REALM_CREATE")) {
      keys(lines.getFirst(), RealmSettings.KEYS.keySet());
      settings.putAll(lines.getFirst().values);
      first = 1;
    }
    settings.putAll(overrides);
    RealmSettings realm = RealmSettings.of(settings);
    RealmBuild build = new RealmBuild(realm, steps);
    for (Line line : lines.subList(first, lines.size())) {
      call(line, build, realm.s2sz());
    }
    return build.value();
  }

  private void call(Line line, RealmBuild build, int ipaBits) {
    switch (line.name) {
      case "INIT_RIPAS" -> {
        keys(line, Set.of("base", "top", "block"));
        initRipas(line, build, ipaBits);
      }
      case "DATA_CREATE" -> {
        keys(line, Set.of("ipa", "flags", "file", "offset", "size", "fill"));
        dataCreate(line, build, ipaBits);
      }
      case "DATA_CREATE_UNKNOWN" -> {
        keys(line, Set.of("ipa", "size"));
        range(line, number(line, "ipa"), number(line, "size", PAGE), ipaBits);
      }
      case "REC_CREATE" -> {
        keys(line, Set.of("flags", "mpidr", "pc", "gprs"));
        recCreate(line, build);
      }
      case "REALM_CREATE" -> throw refuse(line.number, "REALM_CREATE is not the first call");
      default ->
          throw refuse(
              line.number,
              "unknown call '%s', one of REALM_CREATE, INIT_RIPAS, DATA_CREATE,"
                      .formatted(line.name)
                  + " DATA_CREATE_UNKNOWN, REC_CREATE");
    }
  }

  private void initRipas(Line line, RealmBuild build, int ipaBits) {
    long base = number(line, "base");
    long top = number(line, "top");
    long block = number(line, "block", PAGE);
    if (Arrays.stream(BLOCKS).noneMatch(b -> b == block)) {
      throw refuse(line.number, "block is 0x%x, not 4K, 2M, 1G or 512G".formatted(block));
    }
    if (base % block != 0 || top % block != 0) {
      throw refuse(
          line.number,
          "0x%x to 0x%x is not aligned to entries of 0x%x".formatted(base, top, block));
    }
    if (Long.compareUnsigned(base, top) >= 0) {
      throw refuse(line.number, "the range 0x%x to 0x%x is empty".formatted(base, top));
    }
    range(line, base, top - base, ipaBits);
    build.initRipas(base, top, block);
  }

  private void dataCreate(Line line, RealmBuild build, int ipaBits) {
    long ipa = number(line, "ipa");
    long flags = number(line, "flags", 1);
    if (flags != 0 && flags != 1) {
      throw refuse(line.number, "flags is 0x%x, not 0 or 1 (measured)".formatted(flags));
    }
    String name = line.values.get("file");
    byte[] data = data(line, name);
    range(line, ipa, (data.length + PAGE - 1L) / PAGE * PAGE, ipaBits);
    int pages = (data.length + PAGE - 1) / PAGE;
    byte[][] hashes = flags == 1 ? hashes(build.algorithm(), data, pages) : new byte[0][];
    for (int i = 0; i < pages; i++) {
      String origin =
          name == null
              ? "fill " + line.values.get("fill")
              : "%s offset 0x%x".formatted(name, number(line, "offset", 0) + (long) i * PAGE);
      if (flags == 1) {
        build.data(ipa + (long) i * PAGE, hashes[i], origin);
      } else {
        build.unmeasuredData(ipa + (long) i * PAGE, origin);
      }
    }
  }

  private byte[] data(Line line, @Nullable String name) {
    if ((name == null) != line.values.containsKey("fill")) {
      throw refuse(line.number, "DATA_CREATE takes either file= or fill=");
    }
    if (name == null) {
      long size = number(line, "size", PAGE);
      if (size <= 0 || size > 1 << 30) {
        throw refuse(line.number, "size is 0x%x, not within 1 byte to 1 GiB".formatted(size));
      }
      byte[] data = new byte[(int) size];
      Arrays.fill(data, (byte) number(line, "fill"));
      return data;
    }
    Path parent = file.toAbsolutePath().getParent();
    byte[] all = FirmwareImage.bytesOf(parent == null ? Path.of(name) : parent.resolve(name));
    long offset = number(line, "offset", 0);
    long size = number(line, "size", all.length - offset);
    if (offset < 0 || size < 0 || offset + size > all.length) {
      throw refuse(
          line.number,
          "%s has 0x%x bytes, not 0x%x at 0x%x".formatted(name, all.length, size, offset));
    }
    return Arrays.copyOfRange(all, (int) offset, (int) (offset + size));
  }

  /** Hashes pages on all processors; only the chain over them is sequential. */
  private static byte[][] hashes(HashAlgorithm algorithm, byte[] data, int pages) {
    byte[][] out = new byte[pages][];
    IntStream.range(0, pages)
        .parallel()
        .forEach(i -> {
          byte[] page = Arrays.copyOfRange(data, i * PAGE, (i + 1) * PAGE);
          out[i] = Rim.contentHash(algorithm, page);
        });
    return out;
  }

  private void recCreate(Line line, RealmBuild build) {
    long[] gprs = new long[8];
    String list = line.values.get("gprs");
    if (list != null) {
      String[] values = list.split(",", -1);
      if (values.length > gprs.length) {
        throw refuse(line.number, "gprs lists " + values.length + " registers, a REC has 8");
      }
      for (int i = 0; i < values.length; i++) {
        gprs[i] = parse(line, "gprs", values[i]);
      }
    }
    build.rec(number(line, "flags", 1), number(line, "pc"), gprs);
  }

  private void range(Line line, long ipa, long size, int ipaBits) {
    if (ipa % PAGE != 0 || size % PAGE != 0) {
      throw refuse(line.number, "0x%x + 0x%x is not 4 KiB aligned".formatted(ipa, size));
    }
    long half = ipaBits >= 63 ? Long.MAX_VALUE : 1L << (ipaBits - 1);
    if (ipa < 0 || size < 0 || ipa > half || size > half - ipa) {
      throw refuse(
          line.number,
          "0x%x + 0x%x leaves the protected half of a %d-bit IPA space"
              .formatted(ipa, size, ipaBits));
    }
  }

  private void keys(Line line, Set<String> known) {
    for (String key : line.values.keySet()) {
      if (!known.contains(key)) {
        throw refuse(
            line.number,
            "%s has no '%s', only %s"
                .formatted(line.name, key, String.join(", ", new TreeSet<>(known))));
      }
    }
  }

  private long number(Line line, String key) {
    String text = line.values.get(key);
    if (text == null) {
      throw refuse(line.number, line.name + " lacks " + key + "=");
    }
    return parse(line, key, text);
  }

  private long number(Line line, String key, long absent) {
    return line.values.containsKey(key) ? number(line, key) : absent;
  }

  private long parse(Line line, String key, String text) {
    try {
      return Numbers.parse(key, text);
    } catch (MeasureException e) {
      throw refuse(line.number, String.valueOf(e.getMessage()));
    }
  }

  private MeasureException refuse(int line, String what) {
    return new MeasureException(file + ":" + line + ": " + what);
  }
}
