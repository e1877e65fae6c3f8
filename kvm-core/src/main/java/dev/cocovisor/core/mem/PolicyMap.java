package dev.cocovisor.core.mem;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The memory policies of ranges of pages (struct shared_policy). Changed by one thread at a time,
 * read by faults. Source: {@code mm/mempolicy.c}, mpol_set_shared_policy and shared_policy_replace.
 */
public final class PolicyMap {
  private record Range(long end, MemoryPolicy policy) {}

  private volatile TreeMap<Long, Range> ranges = new TreeMap<>();

  /** Creates a map without policies. */
  public PolicyMap() {}

  /** Gives a half-open range of pages a policy, or none with null. */
  public void set(long start, long end, @Nullable MemoryPolicy policy) {
    var next = new TreeMap<Long, Range>();
    for (Map.Entry<Long, Range> e : ranges.entrySet()) {
      long from = e.getKey();
      Range r = e.getValue();
      if (from < Math.min(start, r.end)) {
        next.put(from, new Range(Math.min(start, r.end), r.policy));
      }
      if (Math.max(end, from) < r.end) {
        next.put(Math.max(end, from), r);
      }
    }
    if (policy != null) {
      next.put(start, new Range(end, policy));
    }
    ranges = next;
  }

  /** Returns the policy of a page, null if it has none. */
  public @Nullable MemoryPolicy at(long page) {
    TreeMap<Long, Range> now = ranges;
    if (now.isEmpty()) {
      // Faults come here: nothing is allocated where nobody set a policy.
      return null;
    }
    Map.Entry<Long, Range> e = now.floorEntry(page);
    return e != null && page < e.getValue().end ? e.getValue().policy : null;
  }

  /** Tells whether no page has a policy, which costs nothing to ask. */
  public boolean isEmpty() {
    return ranges.isEmpty();
  }
}
