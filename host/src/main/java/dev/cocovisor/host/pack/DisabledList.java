package dev.cocovisor.host.pack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The plugins of a folder that are switched off: one id a line in {@code disabled.txt}, the file
 * PF4J uses for this. Lines that start with # are comments and stay.
 */
public final class DisabledList {
  private final Path file;

  /** Reads the list of a folder. */
  public DisabledList(Path folder) {
    this.file = folder.resolve("disabled.txt");
  }

  /** Tells whether a plugin is switched off. */
  public boolean contains(String pluginId) throws IOException {
    return ids().contains(pluginId);
  }

  /** Adds or removes an id; returns whether the list changed. */
  public boolean set(String pluginId, boolean disabled) throws IOException {
    List<String> lines = new ArrayList<>(lines());
    boolean was = ids().contains(pluginId);
    if (was == disabled) {
      return false;
    }
    if (disabled) {
      lines.add(pluginId);
    } else {
      lines.removeIf(l -> l.trim().equals(pluginId));
    }
    Files.write(file, lines);
    return true;
  }

  private Set<String> ids() throws IOException {
    Set<String> ids = new TreeSet<>();
    for (String line : lines()) {
      String id = line.trim();
      if (!id.isEmpty() && !id.startsWith("#")) {
        ids.add(id);
      }
    }
    return ids;
  }

  private List<String> lines() throws IOException {
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }
}
