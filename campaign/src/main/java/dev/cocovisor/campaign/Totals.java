package dev.cocovisor.campaign;

import dev.cocovisor.campaign.work.Breakage;
import dev.cocovisor.campaign.work.Result;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What a campaign amounts to so far: each item counts once, each finding is one of its kind. */
public final class Totals {
  private final Set<String> ruled = new TreeSet<>();
  private final Set<String> pairs = new TreeSet<>();
  private long work;
  private final Set<String> outcomes = new HashSet<>();
  private final Set<String> identities = new HashSet<>();
  private final List<Breakage> found = new ArrayList<>();
  private long schedules;
  private long programs;
  private long calls;
  private long rules;
  private long millis;

  /**
   * Counts a result that was not counted yet; returns the findings that are new.
   *
   * @param technology where it was made; empty for logs
   */
  List<Breakage> add(Result r, String technology) {
    work++;
    String on = technology.isEmpty() ? "" : " on " + technology;
    r.ruled().forEach(rule -> ruled.add(rule + on));
    r.pairs().forEach(pair -> pairs.add(pair + on));
    schedules += r.schedules();
    programs += r.programs();
    calls += r.calls();
    rules += r.rules();
    millis += r.millis();
    String task = r.item().substring(0, r.item().indexOf('|') + 1);
    r.outcomes().keySet().forEach(o -> outcomes.add(task + o.hashCode()));
    List<Breakage> fresh = r.found().stream().filter(f -> identities.add(f.identity())).toList();
    found.addAll(fresh);
    return fresh;
  }

  /** Returns the number of items made. */
  public long work() {
    return work;
  }

  /** Returns the number of schedules. */
  public long schedules() {
    return schedules;
  }

  /** Returns the number of programs, those of logs included. */
  public long programs() {
    return programs;
  }

  /** Returns the number of calls in the programs. */
  public long calls() {
    return calls;
  }

  /** Returns the number of judgements of the kit. */
  public long rules() {
    return rules;
  }

  /** Returns the number of different outcomes of explorations. */
  public long outcomes() {
    return outcomes.size();
  }

  /** Returns the kit's rules that judged and the refusals that programs met, by technology. */
  public List<String> ruled() {
    return List.copyOf(ruled);
  }

  /** Returns the pairs of conflicting schedule points that met, by technology. */
  public List<String> pairs() {
    return List.copyOf(pairs);
  }

  /** Returns how long all items took together, in milliseconds. */
  public long millis() {
    return millis;
  }

  /** Returns the findings, one of a kind. */
  public List<Breakage> found() {
    return List.copyOf(found);
  }

  /** Returns the line that ends a campaign. */
  @Override
  public String toString() {
    return "work=%d schedules=%d programs=%d findings=%d"
        .formatted(work(), schedules, programs, found.size());
  }
}
