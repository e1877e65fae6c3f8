package dev.cocovisor.cli.find;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.cli.print.UsageException;
import java.util.TreeMap;

/** The log formats there are, by suffix: that of calls to KVM, and those of the technologies. */
public final class Replayers {
  private final TreeMap<String, LogReplayer> bySuffix = new TreeMap<>();

  /**
   * Collects the formats.
   *
   * @param kvm that of calls to KVM
   */
  public Replayers(LogReplayer kvm, Iterable<Backend> backends) {
    bySuffix.put(kvm.suffix(), kvm);
    for (Backend b : backends) {
      for (LogReplayer r : b.replayers()) {
        LogReplayer other = bySuffix.putIfAbsent(r.suffix(), r);
        if (other != null) {
          throw new UsageException(
              "logs with the suffix ."
                  + r.suffix()
                  + " are claimed by "
                  + other.getClass().getName()
                  + " and "
                  + r.getClass().getName()
                  + " of "
                  + b.info().id());
        }
      }
    }
  }

  /** Tells whether a file's name is that of a log. */
  public boolean knows(String name) {
    return bySuffix.containsKey(suffix(name));
  }

  private static String suffix(String name) {
    if (name.equals(Inputs.STDIN.toString())) {
      return "kvmlog";
    }
    String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    return plain.substring(plain.lastIndexOf('.') + 1);
  }

  /** Returns the replayer for a file's name, with or without {@code .gz} behind the suffix. */
  public LogReplayer forFile(String name) {
    String suffix = suffix(name);
    LogReplayer replayer = bySuffix.get(suffix);
    if (replayer == null) {
      throw new UsageException(
          name + ": " + Nearest.refusal("log format", suffix, bySuffix.keySet()));
    }
    return replayer;
  }
}
