package dev.cocovisor.host.discovery;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.pack.PluginStatus;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What readers of a registry see at one time: one provider for each id, and what was found wrong.
 *
 * @param backends by id
 * @param findings class path first, then packages in folder order, then ids and numbers offered
 *     twice
 * @param plugins in folder order
 */
record Snapshot(
    TreeMap<String, LoadedBackend> backends,
    List<PluginFinding> findings,
    List<PluginStatus> plugins) {
  static final Snapshot EMPTY = new Snapshot(new TreeMap<>(), List.of(), List.of());

  /**
   * Chooses one provider for each id.
   *
   * @param preferred by id, whose provider is to be taken where several offer it
   */
  static Snapshot of(
      List<LoadedBackend> offered,
      Map<String, String> preferred,
      List<PluginFinding> elsewhere,
      Collection<PluginStatus> plugins) {
    TreeMap<String, List<LoadedBackend>> offers = new TreeMap<>();
    for (LoadedBackend b : offered) {
      offers.computeIfAbsent(b.id(), _ -> new ArrayList<>()).add(b);
    }
    TreeMap<String, LoadedBackend> chosen = new TreeMap<>();
    List<PluginFinding> findings = new ArrayList<>(elsewhere);
    plugins.forEach(p -> findings.addAll(p.findings()));
    offers.forEach((id, candidates) -> {
      LoadedBackend one = choose(candidates, preferred.get(id));
      if (one == null) {
        one = Duplicates.onClassPath(candidates);
        findings.add(Duplicates.finding(id, candidates, one));
      }
      if (one != null) {
        chosen.put(id, one);
      }
    });
    findings.addAll(VmTypeNumbers.leaveOutClashes(chosen));
    return new Snapshot(chosen, List.copyOf(findings), List.copyOf(plugins));
  }

  private static @Nullable LoadedBackend choose(
      List<LoadedBackend> candidates, @Nullable String preferred) {
    if (candidates.size() == 1) {
      return candidates.getFirst();
    }
    List<LoadedBackend> wanted =
        candidates.stream().filter(c -> c.provenance().preferenceName().equals(preferred)).toList();
    return wanted.size() == 1 ? wanted.getFirst() : null;
  }

  /** Returns why none of the ids that a plugin offers is used, null if all are. */
  @Nullable PluginFinding duplicateAmong(List<String> ids) {
    return findings.stream()
        .filter(
            f -> f.code() == FindingCode.DUPLICATE_BACKEND || f.code() == FindingCode.VM_TYPE_TAKEN)
        .filter(f -> ids.contains(f.subject()))
        .findFirst()
        .orElse(null);
  }
}
