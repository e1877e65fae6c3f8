package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What {@code --id-block} asks for: a block made, made and signed, or one that is there checked.
 */
final class IdBlockRequest {
  private static final long DEFAULT_POLICY = 0x30000;

  private final Map<String, String> options;

  private IdBlockRequest(Map<String, String> options) {
    this.options = options;
  }

  /** Names the options, for help. */
  static void describe(Map<String, String> o) {
    o.put("id-block", "make, sign or check an id block with this measurement");
    o.put("id-key", "sign: the owner's P-384 key (PEM)");
    o.put("author-key", "sign: a P-384 key that vouches for the id key (PEM)");
    o.put("id-block-file", "the 96 bytes, raw or base64: written by make and sign, read by check");
    o.put("id-auth-file", "the 4096 bytes that go with it: written by sign, read by check");
    o.put("policy", "the guest's policy in the id block (default: 0x30000)");
    o.put("family-id", "32 hex digits in the id block (default: zeros)");
    o.put("image-id", "32 hex digits in the id block (default: zeros)");
    o.put("guest-svn", "security version in the id block (default: 0)");
  }

  /** Carries out what the options ask for; nothing if there is no {@code --id-block}. */
  static MeasureExtras of(Map<String, String> options, byte[] measurement) {
    String verb = options.get("id-block");
    IdBlockRequest r = new IdBlockRequest(options);
    if (verb == null) {
      for (String name : List.of("id-key", "author-key", "id-block-file", "id-auth-file")) {
        if (options.containsKey(name)) {
          throw new MeasureException("--" + name + " needs --id-block make, sign or check");
        }
      }
      return MeasureExtras.NONE;
    }
    return switch (verb) {
      case "make" -> r.made(r.block(measurement), null);
      case "sign" -> r.sign(measurement);
      case "check" -> r.check(measurement);
      default ->
          throw new MeasureException("--id-block is make, sign or check, not '" + verb + "'");
    };
  }

  private IdBlock block(byte[] measurement) {
    return new IdBlock(
        measurement,
        name("family-id"),
        name("image-id"),
        1,
        (int) number("guest-svn", 0),
        number("policy", DEFAULT_POLICY));
  }

  private MeasureExtras sign(byte[] measurement) {
    String key = options.get("id-key");
    if (key == null) {
      throw new MeasureException("--id-block sign needs --id-key");
    }
    String author = options.get("author-key");
    IdBlock block = block(measurement);
    return made(
        block,
        IdAuth.sign(
            block,
            EcKeys.read(Path.of(key)),
            author == null ? null : EcKeys.read(Path.of(author))));
  }

  private MeasureExtras made(IdBlock block, @Nullable IdAuth auth) {
    Map<Path, byte[]> files = new LinkedHashMap<>();
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("id-block", Base64.getEncoder().encodeToString(block.bytes()));
    file(files, "id-block-file", block.bytes());
    if (auth != null) {
      lines.put("id-auth", Base64.getEncoder().encodeToString(auth.bytes()));
      digests(lines, auth);
      file(files, "id-auth-file", auth.bytes());
    }
    return new MeasureExtras(files, lines, List.of());
  }

  private MeasureExtras check(byte[] measurement) {
    if (!options.containsKey("id-block-file")) {
      throw new MeasureException(
          "--id-block check needs --id-block-file, and --id-auth-file for" + " signatures");
    }
    IdBlock block = IdBlock.of(content("id-block-file", IdBlock.SIZE));
    Map<String, String> lines = new LinkedHashMap<>();
    List<String> faults = new ArrayList<>();
    if (!Arrays.equals(block.digest(), measurement)) {
      faults.add(
          "the id block expects the digest %s".formatted(HexFormat.of().formatHex(block.digest())));
    }
    if (block.version() != 1) {
      faults.add("the id block's version is %d, not 1".formatted(block.version()));
    }
    same(faults, "family-id", HexFormat.of().formatHex(block.family()));
    same(faults, "image-id", HexFormat.of().formatHex(block.image()));
    if (options.containsKey("policy") && number("policy", 0) != block.policy()) {
      faults.add("the id block's policy is 0x%x".formatted(block.policy()));
    }
    if (options.containsKey("guest-svn") && number("guest-svn", 0) != block.svn()) {
      faults.add("the id block's guest svn is %d".formatted(block.svn()));
    }
    if (options.containsKey("id-auth-file")) {
      IdAuth auth = IdAuth.of(content("id-auth-file", IdAuth.SIZE));
      faults.addAll(auth.faults(block));
      digests(lines, auth);
    }
    return new MeasureExtras(Map.of(), lines, faults);
  }

  private void same(List<String> faults, String option, String has) {
    if (options.containsKey(option) && !has.equals(HexFormat.of().formatHex(name(option)))) {
      faults.add("the id block's %s is %s".formatted(option.replace('-', ' '), has));
    }
  }

  private static void digests(Map<String, String> lines, IdAuth auth) {
    lines.put("id-key-digest", auth.idKeyDigest());
    if (auth.hasAuthor()) {
      lines.put("author-key-digest", auth.authorKeyDigest());
    }
  }

  private void file(Map<Path, byte[]> files, String option, byte[] content) {
    String file = options.get(option);
    if (file != null) {
      files.put(Path.of(file), content);
    }
  }

  private byte[] content(String option, int size) {
    byte[] raw = FirmwareImage.bytesOf(Path.of(options.getOrDefault(option, "")));
    if (raw.length == size) {
      return raw;
    }
    try {
      return Base64.getDecoder().decode(new String(raw, StandardCharsets.US_ASCII).strip());
    } catch (IllegalArgumentException e) {
      throw new MeasureException(
          "--%s has %d bytes, neither %d nor base64 of them".formatted(option, raw.length, size),
          e);
    }
  }

  private byte[] name(String option) {
    String hex = options.get(option);
    if (hex == null) {
      return new byte[16];
    }
    try {
      byte[] out = HexFormat.of().parseHex(hex);
      if (out.length == 16) {
        return out;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new MeasureException("--" + option + " is 32 hex digits, not '" + hex + "'");
  }

  private long number(String option, long otherwise) {
    String text = options.get(option);
    if (text == null) {
      return otherwise;
    }
    try {
      return Long.decode(text);
    } catch (NumberFormatException e) {
      throw new MeasureException("--" + option + " is not a number: '" + text + "'", e);
    }
  }
}
