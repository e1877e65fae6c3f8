package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import java.util.Map;

/**
 * The measured parameters of a realm, as RMI_REALM_CREATE has them.
 *
 * @param flags LPA2 bit 0, SVE bit 1, PMU bit 2
 * @param s2sz width of the IPA space in bits
 * @param sveVl SVE vector length field
 * @param numBps breakpoints, minus one
 * @param numWps watchpoints, minus one
 * @param pmuNumCtrs PMU counters
 */
record RealmSettings(
    long flags, int s2sz, int sveVl, int numBps, int numWps, int pmuNumCtrs, HashAlgorithm hash) {

  /** The keys of a REALM_CREATE line, and the command line's options, with their help. */
  static final Map<String, String> KEYS =
      Map.of(
          "hash-algo", "sha256 (default) or sha512",
          "s2sz", "width of the IPA space in bits (default 40)",
          "realm-flags", "LPA2 bit 0, SVE bit 1, PMU bit 2 (default 0)",
          "sve-vl", "SVE vector length field (default 0)",
          "num-bps", "breakpoints minus one (default 1)",
          "num-wps", "watchpoints minus one (default 1)",
          "pmu-num-ctrs", "PMU counters (default 0)");

  /** Reads settings by {@link #KEYS}; what is absent has its default. */
  static RealmSettings of(Map<String, String> values) {
    return new RealmSettings(
        number(values, "realm-flags", 0, 7),
        number(values, "s2sz", 40, 64),
        number(values, "sve-vl", 0, 15),
        number(values, "num-bps", 1, 63),
        number(values, "num-wps", 1, 63),
        number(values, "pmu-num-ctrs", 0, 31),
        hash(values.getOrDefault("hash-algo", "sha256")));
  }

  /** Finds an algorithm by name or by RMI's number. */
  static HashAlgorithm hash(String name) {
    return switch (name) {
      case "sha256", "0" -> HashAlgorithm.SHA_256;
      case "sha512", "1" -> HashAlgorithm.SHA_512;
      default -> throw new MeasureException("unknown hash '" + name + "', one of sha256, sha512");
    };
  }

  private static int number(Map<String, String> values, String key, int absent, int max) {
    String text = values.get(key);
    if (text == null) {
      return absent;
    }
    long n = Numbers.parse(key, text);
    if (n < 0 || n > max) {
      throw new MeasureException(key + " is " + text + ", not within 0 to " + max);
    }
    return (int) n;
  }

  /** Returns the settings in words. */
  String text() {
    return "flags 0x%x, s2sz %d, sve-vl %d, num-bps %d, num-wps %d, pmu-num-ctrs %d, %s"
        .formatted(flags, s2sz, sveVl, numBps, numWps, pmuNumCtrs, hash);
  }
}
