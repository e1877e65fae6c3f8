package dev.cocovisor.host.discovery;

import dev.cocovisor.host.finding.Finding;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.load.LoadedBackend;
import java.util.List;

/** Says that several providers offer one backend id. */
final class Duplicates {
  private Duplicates() {}

  static Finding finding(String id, List<LoadedBackend> candidates) {
    List<String> offers =
        candidates.stream()
            .map(c -> c.provenance().fileName() + " (" + c.provenance().preferenceName() + ")")
            .toList();
    return new Finding(
        FindingCode.DUPLICATE_BACKEND,
        id,
        "several providers offer this backend, so none is used",
        "it comes from " + String.join(" and ", offers),
        "take one away, or prefer one: --prefer "
            + id
            + "="
            + candidates.getLast().provenance().preferenceName(),
        List.of());
  }
}
