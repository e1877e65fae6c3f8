package dev.cocovisor.script.scenario;

import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogResult;
import java.util.List;

/**
 * How many pages of 2 MiB a program's host had set aside, as far as the program shows: a recorder
 * runs its programs on one host after the other, and what earlier ones kept of the pool no later
 * one says.
 *
 * <p>The first mapping of hugetlb memory that was refused for want of memory tells that the pool
 * was smaller than what was promised until then and what it asked for. Whatever the pool is asked
 * later is answered by the rule again.
 */
final class HugePagesLeft {
  private static final int MAP_HUGETLB = 0x40000;
  private static final int MAP_NORESERVE = 0x4000;
  private static final int MAP_HUGE_SHIFT = 26;

  private HugePagesLeft() {}

  /** Returns the most pages the pool can have had, or -1 if the program shows no bound. */
  static long in(List<ScenarioLine> program) {
    long promised = 0;
    for (ScenarioLine line : program) {
      LogResult result = line.call().result();
      long pages = line.step() instanceof Step.Call(KvmCall.Mmap m) ? asked(m) : 0;
      if (pages > 0 && result != null && result.error().equals("ENOMEM")) {
        return promised + pages - 1;
      }
      promised += result == null || result.isError() ? 0 : pages;
    }
    return -1;
  }

  /** Pages of 2 MiB that a mapping has to be promised. */
  private static long asked(KvmCall.Mmap m) {
    boolean promised = (m.flags() & (MAP_HUGETLB | MAP_NORESERVE)) == MAP_HUGETLB;
    boolean size = m.flags() >>> MAP_HUGE_SHIFT == 0 || m.flags() >>> MAP_HUGE_SHIFT == 21;
    boolean fits = m.len() > 0 && m.len() < 1L << 46;
    return promised && size && fits ? (m.len() + (1 << 21) - 1) >>> 21 : 0;
  }
}
