package dev.cocovisor.host.pack;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** The version of the api that this host offers to plugins. */
public final class ApiVersion {
  private ApiVersion() {}

  /** Returns the version as built, for example {@code 0.2.0-SNAPSHOT}. */
  public static String full() {
    try (InputStream in = ApiVersion.class.getResourceAsStream("host.properties")) {
      Properties p = new Properties();
      if (in != null) {
        p.load(in);
      }
      String version = p.getProperty("api.version", "");
      if (version.isEmpty() || version.startsWith("${")) {
        throw new IllegalStateException("host.properties does not tell the api's version");
      }
      return version;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Returns the version that requirements are compared with. A snapshot counts as its release:
   * semantic versioning would put 0.2.0-SNAPSHOT below 0.2.0, and no plugin could be developed.
   */
  public static String release() {
    String full = full();
    return full.endsWith("-SNAPSHOT") ? full.substring(0, full.length() - 9) : full;
  }
}
