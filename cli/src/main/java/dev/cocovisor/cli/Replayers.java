package dev.cocovisor.cli;

import dev.cocovisor.api.log.LogReplayer;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The log formats on the class path, by suffix. */
final class Replayers {
  private final TreeMap<String, LogReplayer> bySuffix = new TreeMap<>();

  Replayers(Iterable<LogReplayer> found) {
    try {
      for (LogReplayer r : found) {
        LogReplayer other = bySuffix.putIfAbsent(r.suffix(), r);
        if (other != null) {
          throw new ServiceConfigurationError(
              "." + r.suffix() + " is claimed by " + other.getClass() + " and " + r.getClass());
        }
      }
    } catch (ServiceConfigurationError e) {
      throw new IllegalStateException(e);
    }
  }

  static Replayers onClassPath() {
    return new Replayers(ServiceLoader.load(LogReplayer.class));
  }

  /** Returns the replayer for a file's name, with or without {@code .gz} behind the suffix. */
  LogReplayer forFile(String name) {
    String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    String suffix = plain.substring(plain.lastIndexOf('.') + 1);
    LogReplayer replayer = bySuffix.get(suffix);
    if (replayer == null) {
      throw new UsageException(
          name + ": no log format has the suffix ." + suffix + "; there are ." + known());
    }
    return replayer;
  }

  private String known() {
    return String.join(", .", bySuffix.keySet());
  }
}
