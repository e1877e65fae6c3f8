package dev.cocovisor.host.pack;

import com.github.zafarkhaja.semver.ParseException;
import com.github.zafarkhaja.semver.Version;
import org.jspecify.annotations.Nullable;

/** Semantic versions and ranges, as PF4J compares them. */
public final class Versions {
  private Versions() {}

  /**
   * Tells whether a version lies in a range. A bare version is a lower bound, as everywhere in this
   * host: {@code 0.1.0} means {@code >=0.1.0}.
   *
   * @return null if either cannot be read
   */
  public static @Nullable Boolean fits(String version, String range) {
    if (range.equals("*")) {
      return true;
    }
    String asked = range.matches("\\d+\\.\\d+\\.\\d+") ? ">=" + range : range;
    try {
      return Version.parse(version, false).satisfies(asked);
    } catch (ParseException | IllegalArgumentException | UnsupportedOperationException e) {
      return null;
    }
  }
}
