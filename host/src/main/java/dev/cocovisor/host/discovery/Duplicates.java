package dev.cocovisor.host.discovery;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.Provenance;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Says that several providers offer one backend id. */
final class Duplicates {
  private Duplicates() {}

  /**
   * Returns the one that the program itself brought, null if none or several: a package that calls
   * itself like a part of the program does not take that part away.
   */
  static @Nullable LoadedBackend onClassPath(List<LoadedBackend> candidates) {
    List<LoadedBackend> own =
        candidates.stream()
            .filter(c -> c.provenance().source() == Provenance.Source.CLASS_PATH)
            .toList();
    return own.size() == 1 ? own.getFirst() : null;
  }

  static PluginFinding finding(
      String id, List<LoadedBackend> candidates, @Nullable LoadedBackend used) {
    List<String> offers =
        candidates.stream()
            .map(c -> c.provenance().fileName() + " (" + c.provenance().preferenceName() + ")")
            .toList();
    return new PluginFinding(
        FindingCode.DUPLICATE_BACKEND,
        id,
        used == null
            ? "several providers offer this backend, so none is used"
            : "several providers offer this backend, so the program's own is used",
        "it comes from " + String.join(" and ", offers),
        "take one away, or prefer one: --prefer "
            + id
            + "="
            + candidates.getLast().provenance().preferenceName(),
        List.of());
  }
}
