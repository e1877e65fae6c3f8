package dev.cocovisor.campaign;

import dev.cocovisor.campaign.work.Breakage;
import dev.cocovisor.campaign.work.Result;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What a campaign amounts to so far: each item counts once, each finding is one of its kind. */
public final class Totals {
  private final Set<String> items = new HashSet<>();
  private final Set<String> outcomes = new HashSet<>();
  private final Set<String> identities = new HashSet<>();
  private final List<Breakage> found = new ArrayList<>();
  private long schedules;
  private long programs;
  private long calls;
  private long rules;
  private long millis;

  /** Counts a result; returns the findings that are new. */
  List<Breakage> add(Result r) {
    if (!items.add(r.item())) {
      return List.of();
    }
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
    return items.size();
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
