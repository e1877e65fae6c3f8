package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.PluginFinding;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A package as the registry sees it.
 *
 * @param file where it lies
 * @param description what it says about itself; null if that cannot be read
 * @param state what became of it
 * @param backends ids of the backends it brought; empty unless {@link State#LOADED}
 * @param findings what is wrong with it
 */
public record PluginStatus(
    Path file,
    @Nullable PluginDescription description,
    State state,
    List<String> backends,
    List<PluginFinding> findings) {
  /** What became of a package. */
  public enum State {
    /** Its backends can be used. */
    LOADED,
    /** Switched off by the user. */
    DISABLED,
    /** Refused; the findings say why. */
    FAILED,
    /** Could be loaded, but nobody tried: the answer of a check. */
    SOUND
  }

  /** Keeps immutable copies. */
  public PluginStatus {
    backends = List.copyOf(backends);
    findings = List.copyOf(findings);
  }

  /** Returns the plugin's id, or the file's name if it has none. */
  public String id() {
    return description == null ? PluginPackage.nameOf(file) : description.id();
  }
}
