package dev.cocovisor.snp.rmp;

import java.util.ArrayList;
import java.util.List;

/**
 * What is true of an RMP between any two instructions; for tests, and for runs that ask.
 *
 * <p>Looks at every region that was ever written. Call it while nothing else runs.
 */
public final class RmpInvariants {
  private RmpInvariants() {}

  /** Returns what is violated, in words; empty if nothing is. */
  public static List<String> check(Rmp rmp) {
    List<String> wrong = new ArrayList<>();
    long[] pages = new long[rmp.asids()];
    for (long pfn = 0; pfn < rmp.framesUsed(); pfn += RmpRegion.PAGES) {
      RmpRegion r = rmp.region(pfn);
      if (r != null) {
        region(rmp, r, pfn, pages, wrong);
      }
    }
    for (int asid = 1; asid < pages.length; asid++) {
      if (pages[asid] != rmp.pagesOf(asid)) {
        wrong.add("ASID " + asid + " owns " + pages[asid] + " pages, counted " + rmp.pagesOf(asid));
      }
    }
    return wrong;
  }

  private static void region(Rmp rmp, RmpRegion r, long pfn, long[] pages, List<String> wrong) {
    boolean huge = r.huge();
    int subs = 0;
    for (int p = 0; p < RmpRegion.PAGES; p++) {
      long w = r.get(p);
      boolean assigned = (w & RmpRegion.ASSIGNED) != 0;
      int asid = RmpRegion.asid(w);
      if (p != 0 && assigned) {
        subs++;
      }
      if (p != 0 && (w & RmpRegion.HUGE) != 0) {
        wrong.add("2 MiB entry at page " + p + " of region " + pfn);
      }
      if (huge && p != 0 && w != 0) {
        wrong.add("page " + p + " has an entry of its own under the 2 MiB entry " + pfn);
      }
      if (!assigned
          && (asid != 0 || (w & (RmpRegion.VALIDATED | RmpRegion.HUGE | RmpRegion.KEYED)) != 0)) {
        wrong.add("unassigned frame " + (pfn + p) + " keeps state " + Long.toHexString(w));
      }
      if (asid == 0 && r.perms(p) != 0) {
        wrong.add("frame " + (pfn + p) + " has permissions and no guest");
      }
      if (assigned && asid == 0 && (w & RmpRegion.VALIDATED) != 0) {
        wrong.add("firmware frame " + (pfn + p) + " is validated");
      }
      if (assigned && asid != 0) {
        pages[asid] += (w & RmpRegion.HUGE) != 0 ? RmpRegion.PAGES : 1;
      }
    }
    if (subs != r.subAssigned) {
      wrong.add("region " + pfn + " has " + subs + " assigned pages, counted " + r.subAssigned);
    }
    if (huge && (RmpRegion.gfn(r.get(0)) & RmpRegion.PAGES - 1) != 0) {
      wrong.add("2 MiB entry " + pfn + " has an unaligned guest address");
    }
    if (r.lock.held()) {
      wrong.add("region " + pfn + " is still locked");
    }
    if (rmp.frames() < pfn + RmpRegion.PAGES && huge) {
      wrong.add("2 MiB entry " + pfn + " reaches beyond the table");
    }
  }
}
