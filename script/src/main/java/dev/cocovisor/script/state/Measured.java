package dev.cocovisor.script.state;

import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** The ranges of each VM whose initial contents went into its launch measurement. */
public final class Measured {
  private final Map<String, TreeMap<Long, Long>> ranges = new HashMap<>();

  /** Creates a record of nothing. */
  public Measured() {}

  /** Takes note of a range. */
  public void add(String vm, long gfn, long pages) {
    ranges.computeIfAbsent(vm, _ -> new TreeMap<>()).merge(gfn, gfn + pages, Math::max);
  }

  /** Forgets a VM's, when it is booted anew or gone. */
  public void forget(String vm) {
    ranges.remove(vm);
  }

  /** Returns the ranges of a VM: their ends by their beginnings. */
  NavigableMap<Long, Long> of(String vm) {
    return ranges.getOrDefault(vm, new TreeMap<>());
  }
}
