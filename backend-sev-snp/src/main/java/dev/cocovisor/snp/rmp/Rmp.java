package dev.cocovisor.snp.rmp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.view.TableSink;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * The Reverse Map Table of one machine, and what the processor does with it by itself.
 *
 * <p>The table covers frames {@code 0} to {@code frames}; what lies beyond belongs to the
 * hypervisor for ever. Regions of 2 MiB appear when first written, 1,024 pointers to them with the
 * first, so an unused terabyte costs a pointer per 2 GiB. Instructions are in {@link
 * HostInstructions} and {@link GuestInstructions}, access checks in {@link RmpAccess}, the
 * firmware's way in is {@link FirmwarePort}.
 *
 * <p>Locking: a writer holds its region's lock, taken by trying; failing to get it is what the
 * instructions report as FAIL_INUSE or, for another page of the region, FAIL_OVERLAP. Nothing ever
 * waits for it and no two are held at once. Walkers take no lock and read an entry as one word.
 *
 * <p>Thread-safe. Source: APM volume 2, 15.36, through its public translation; the lookup rule is
 * that of {@code arch/x86/virt/svm/sev.c}.
 */
public final class Rmp {
  private static final VarHandle REGIONS = MethodHandles.arrayElementVarHandle(RmpRegion[].class);
  private static final VarHandle PARTS = MethodHandles.arrayElementVarHandle(RmpRegion[][].class);

  /**
   * Regions of a part, which is made with the first of them: 2 GiB, so that a host costs little.
   */
  private static final int PART = 1024;

  private static final long PART_PAGES = (long) PART * RmpRegion.PAGES;

  /** The number of ASIDs of current processors, 0 included. */
  public static final int DEFAULT_ASIDS = 1007;

  private final long frames;
  private final @Nullable RmpRegion @Nullable [][] parts;
  private final AtomicLongArray pagesOfAsid;
  private final RmpChoices choices;
  private final AtomicInteger used = new AtomicInteger();
  private volatile boolean enabled = true;

  /**
   * Creates a table in which every page belongs to the hypervisor.
   *
   * @param frames how many 4 KiB frames it covers, from frame 0
   * @param asids the number of ASIDs, 0 included; at most 65536
   */
  public Rmp(long frames, int asids, RmpChoices choices) {
    if (frames < 0 || frames > 1L << 36 || asids < 2 || asids > 0x10000) {
      throw new IllegalArgumentException("frames " + frames + ", ASIDs " + asids);
    }
    this.frames = frames;
    this.parts = new RmpRegion[(int) ((frames + PART_PAGES - 1) / PART_PAGES)][];
    this.pagesOfAsid = new AtomicLongArray(asids);
    this.choices = choices;
  }

  /** Creates a table with the default number of ASIDs and the default choices. */
  public Rmp(long frames) {
    this(frames, DEFAULT_ASIDS, RmpChoices.DEFAULT);
  }

  /** Returns how many frames are covered. */
  public long frames() {
    return frames;
  }

  /** Returns the first frame above which no entry was ever written. */
  long framesUsed() {
    return Math.min(frames, (long) used.get() * RmpRegion.PAGES);
  }

  /** Returns how many ASIDs there are, 0 included. */
  public int asids() {
    return pagesOfAsid.length();
  }

  /** Returns the readings of unclear points that this table follows. */
  public RmpChoices choices() {
    return choices;
  }

  /** Tells whether SNP is enabled (SYSCFG.SNPEn); instructions are undefined without. */
  public boolean enabled() {
    return enabled;
  }

  /** Turns SNP on or off, as SYSCFG.SNPEn before the table is used. */
  public void setEnabled(boolean on) {
    enabled = on;
  }

  /** Tells whether a frame has an entry. */
  public boolean covers(long pfn) {
    return pfn >= 0 && pfn < frames;
  }

  /** Returns the number of 4 KiB pages assigned to an ASID (the processor's bookkeeping). */
  public long pagesOf(int asid) {
    return pagesOfAsid.get(asid);
  }

  /** Tells whether the frame's own slot is assigned; false outside the table. */
  public boolean assigned(long pfn) {
    return (effective(pfn) & RmpRegion.ASSIGNED) != 0;
  }

  /** Tells whether the entry that governs a frame is a 2 MiB entry. */
  public boolean huge(long pfn) {
    return (effective(pfn) & RmpRegion.HUGE) != 0;
  }

  /** Returns the ASID of the entry that governs a frame. */
  public int asid(long pfn) {
    return RmpRegion.asid(effective(pfn));
  }

  /**
   * Tells whether any page of the 2 MiB region of a frame is assigned, in time independent of it.
   */
  public boolean regionAssigned(long pfn) {
    RmpRegion r = region(pfn);
    return r != null && (r.subAssigned != 0 || (r.get(0) & RmpRegion.ASSIGNED) != 0);
  }

  /** Returns the number of assigned 4 KiB entries among pages 1 to 511 of a frame's region. */
  public int subpageCount(long pfn) {
    RmpRegion r = region(pfn);
    return r == null ? 0 : r.subAssigned;
  }

  /** Returns the entry that governs a frame: under a 2 MiB entry, its part of that entry. */
  public RmpEntry entry(long pfn) {
    long w = effective(pfn);
    RmpRegion r = region(pfn);
    int perms = r == null ? 0 : r.perms(r.huge() ? 0 : page(pfn));
    return view(w, perms);
  }

  /**
   * Returns the frame's own slot as it lies in memory: under a 2 MiB entry, slots other than the
   * head read as assigned and otherwise zero.
   */
  public RmpEntry slot(long pfn) {
    RmpRegion r = region(pfn);
    if (r == null) {
      return view(0, 0);
    }
    int p = page(pfn);
    return p != 0 && r.huge() ? view(RmpRegion.ASSIGNED, 0) : view(r.get(p), r.perms(p));
  }

  /** Returns a frame's state in the firmware's terms. */
  public PageState state(long pfn) {
    return covers(pfn) ? entry(pfn).state() : PageState.DEFAULT;
  }

  /** Shows every entry that is assigned, in ascending order. */
  public void show(TableSink.Entries into) {
    for (int i = 0; i < used.get(); i++) {
      long first = (long) i * RmpRegion.PAGES;
      RmpRegion r = region(first);
      if (r == null || !regionAssigned(first)) {
        continue;
      }
      boolean huge = r.huge();
      for (int p = 0; p < (huge ? 1 : RmpRegion.PAGES) && covers(first + p); p++) {
        RmpEntry e = entry(first + p);
        if (e.assigned()) {
          into.entry(first + p, huge ? 9 : 0, e.holds(), e.state().kind(), e.words());
        }
      }
    }
  }

  private static RmpEntry view(long w, int perms) {
    return new RmpEntry(
        (w & RmpRegion.ASSIGNED) != 0,
        (w & RmpRegion.HUGE) != 0,
        (w & RmpRegion.IMMUTABLE) != 0,
        RmpRegion.asid(w),
        (w & RmpRegion.IOMMU_MARK) != 0 ? 1 : RmpRegion.gfn(w) << PAGE_SHIFT,
        (w & RmpRegion.VALIDATED) != 0,
        (w & RmpRegion.VMSA) != 0,
        perms);
  }

  static int page(long pfn) {
    return (int) pfn & RmpRegion.PAGES - 1;
  }

  @Nullable RmpRegion region(long pfn) {
    if (!covers(pfn)) {
      return null;
    }
    var part = (@Nullable RmpRegion[]) PARTS.getAcquire(parts, (int) (pfn / PART_PAGES));
    return part == null ? null : (RmpRegion) REGIONS.getAcquire(part, inPart(pfn));
  }

  private static int inPart(long pfn) {
    return (int) (pfn / RmpRegion.PAGES) & PART - 1;
  }

  private @Nullable RmpRegion[] part(long pfn) {
    int i = (int) (pfn / PART_PAGES);
    var part = (@Nullable RmpRegion[]) PARTS.getAcquire(parts, i);
    if (part == null) {
      var fresh = new @Nullable RmpRegion[PART];
      var there =
          (@Nullable RmpRegion[])
              PARTS.compareAndExchange(parts, i, (@Nullable RmpRegion[]) null, fresh);
      part = there == null ? fresh : there;
    }
    return part;
  }

  RmpRegion regionOf(long pfn) {
    @Nullable RmpRegion[] part = part(pfn);
    RmpRegion r = (RmpRegion) REGIONS.getAcquire(part, inPart(pfn));
    if (r == null) {
      int i = (int) (pfn / RmpRegion.PAGES);
      RmpRegion fresh = new RmpRegion(i);
      RmpRegion there =
          (RmpRegion) REGIONS.compareAndExchange(part, inPart(pfn), (RmpRegion) null, fresh);
      r = there == null ? fresh : there;
      var _ = used.accumulateAndGet(i + 1, Math::max);
    }
    return r;
  }

  /** Returns the word that governs a frame; under a 2 MiB entry with this frame's own gfn. */
  long effective(long pfn) {
    RmpRegion r = region(pfn);
    if (r == null) {
      return 0;
    }
    int p = page(pfn);
    if (p != 0) {
      long head = r.get(0);
      if ((head & RmpRegion.HUGE) != 0) {
        return RmpRegion.part(head, p);
      }
    }
    return r.get(p);
  }

  /** Announces an instruction on a region to an explorer. */
  static void announce(RmpRegion r) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, r);
  }

  /**
   * Takes a region for changing one page or, with page -1, all of it.
   *
   * @return {@link RmpCode#OK}, or what the instruction answers
   */
  int take(RmpRegion r, int page) {
    if (r.lock.tryLock()) {
      r.changing = page;
      return RmpCode.OK;
    }
    int other = r.changing;
    return page == other || page < 0 || other < 0 ? RmpCode.FAIL_INUSE : choices.contention();
  }

  /** Writes a slot and keeps the sub-page count and the ASID counters; the region is held. */
  void write(RmpRegion r, int p, long word, int perms) {
    long old = r.get(p);
    count(old, -1);
    count(word, 1);
    if (p != 0) {
      r.subAssigned += (int) ((word & RmpRegion.ASSIGNED) - (old & RmpRegion.ASSIGNED));
    }
    r.setPerms(p, perms);
    r.set(p, word);
  }

  private void count(long word, int sign) {
    int asid = RmpRegion.asid(word);
    if ((word & RmpRegion.ASSIGNED) != 0 && asid != 0) {
      pagesOfAsid.getAndAdd(asid, (word & RmpRegion.HUGE) != 0 ? sign * 512L : sign);
    }
  }
}
