package dev.cocovisor.snp.rmp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.trace.TraceSink;
import org.jspecify.annotations.Nullable;

/**
 * RMPUPDATE, PSMASH and RMPREAD: what the hypervisor does to the RMP.
 *
 * <p>Each method is one execution of the instruction: it takes the operands as registers hold them
 * and returns an {@link RmpOutcome}. The single checks are documented; their order is reconstructed
 * (APM volume 3 was not available) and each method lists it. Thread-safe.
 */
public final class HostInstructions {
  /** RMPUPDATE operand, third word: bit 0 of byte 8, assign the page. */
  public static final int ASSIGN = 1;

  /** RMPUPDATE operand, third word: bit 0 of byte 9, a 2 MiB entry. */
  public static final int SIZE_2M = 1 << 8;

  /** RMPUPDATE operand, third word: bit 0 of byte 10, immutable. */
  public static final int IMMUTABLE = 1 << 16;

  /** RMPREAD result only: bit 1 of byte 9, some page of the 2 MiB region is assigned. */
  public static final int REGION_STATUS = 1 << 9;

  private static final int RESERVED = ~(ASSIGN | SIZE_2M | IMMUTABLE);

  /** What becomes of the bytes of pages that change the key they are seen under. */
  @FunctionalInterface
  public interface Content {
    /** Leaves bytes as they are, for a table without memory. */
    Content NONE = (_, _) -> {};

    /**
     * Called just before frames that a guest's key has written stop being that guest's; their entry
     * still says so.
     */
    void leavesGuest(long pfn, long frames);

    /**
     * Called when frames became a guest's by RMPUPDATE, which moves no byte; their entry says so.
     *
     * @return whether the guest's key makes something of their bytes
     */
    default boolean entersGuest(long pfn, long frames) {
      return false;
    }
  }

  private final Rmp rmp;
  private final Content content;
  private final TraceSink trace;

  /** Creates the instructions of a machine with the given table and no memory behind it. */
  public HostInstructions(Rmp rmp) {
    this(rmp, Content.NONE, TraceSink.OFF);
  }

  /**
   * Creates the instructions of a machine with the given table and memory.
   *
   * @param trace told why an instruction refuses
   */
  public HostInstructions(Rmp rmp, Content content, TraceSink trace) {
    this.rmp = rmp;
    this.content = content;
    this.trace = trace;
  }

  /**
   * RMPUPDATE: gives a page to a guest or the firmware, or takes it back.
   *
   * <p>Order: #UD, #GP; run in a guest (2); operands (1); entry locked or page in use by a VMRUN
   * (3); immutable (2); sizes overlap (4); write. {@code validated}, the VMSA bit and the VMPL
   * permissions survive only a request that repeats assigned, ASID, address and size. An address
   * not aligned to the requested size is an operand error here, and an entry that becomes
   * unassigned keeps neither size nor address; both are this model's reading.
   *
   * @param spa RAX, system physical address in bytes
   * @param gpa bytes 0 to 7 of the operand
   * @param flags bytes 8 to 11: {@link #ASSIGN}, {@link #SIZE_2M}, {@link #IMMUTABLE}
   * @param asid bytes 12 to 15
   */
  public long rmpupdate(CpuMode cpu, long spa, long gpa, int flags, int asid) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    if (cpu.asid() != 0) {
      return refuse(RmpCode.FAIL_PERMISSION, "executed in a guest");
    }
    boolean huge = (flags & SIZE_2M) != 0;
    long align = huge ? 0x1FFFFF : 0xFFF;
    long pfn = spa >>> PAGE_SHIFT;
    String bad = badOperand(spa, gpa, flags, asid, align);
    if (bad != null) {
      return refuse(RmpCode.FAIL_INPUT, bad);
    }
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    int p = Rmp.page(pfn);
    int taken = rmp.take(r, huge ? -1 : p);
    if (taken != RmpCode.OK) {
      return refuse(taken, "another processor changes an entry of the 2 MiB region");
    }
    try {
      return update(r, p, gpa >>> PAGE_SHIFT, flags, asid);
    } finally {
      r.lock.unlock();
    }
  }

  /** Says what is wrong with RMPUPDATE's operands; null where nothing is. */
  private @Nullable String badOperand(long spa, long gpa, int flags, int asid, long align) {
    boolean huge = (flags & SIZE_2M) != 0;
    if ((spa & align) != 0) {
      return "the system address is not aligned to the size";
    }
    if (!coversAll(spa >>> PAGE_SHIFT, huge)) {
      return "the RMP does not cover the page";
    }
    if ((flags & RESERVED) != 0) {
      return "reserved flags are set";
    }
    if (asid < 0 || asid >= rmp.asids()) {
      return "there is no such ASID";
    }
    if ((gpa & align) != 0 || gpa >>> 52 != 0) {
      return "the guest address is not aligned to the size, or has more than 52 bits";
    }
    return (flags & ASSIGN) == 0 && ((flags & IMMUTABLE) != 0 || asid != 0)
        ? "a page without an owner is neither immutable nor an ASID's"
        : null;
  }

  private long update(RmpRegion r, int p, long gfn, int flags, int asid) {
    boolean huge = (flags & SIZE_2M) != 0;
    long old = r.get(p);
    boolean oldHuge = r.huge();
    if ((huge || oldHuge) ? r.anyRunning() : r.running(p)) {
      return refuse(RmpCode.FAIL_INUSE, "a vCPU runs on the page");
    }
    if ((old & RmpRegion.IMMUTABLE) != 0) {
      return refuse(RmpCode.FAIL_PERMISSION, "the entry is immutable: the firmware holds it");
    }
    if (huge) {
      boolean head = rmp.choices().headCounts() && !oldHuge && (old & RmpRegion.ASSIGNED) != 0;
      if (r.subAssigned != 0 || head) {
        return refuse(RmpCode.FAIL_OVERLAP, "4 KiB entries of the 2 MiB range are assigned");
      }
    } else if (oldHuge) {
      return refuse(RmpCode.FAIL_OVERLAP, "the page lies in a 2 MiB entry");
    }
    long word = 0;
    if ((flags & ASSIGN) != 0) {
      word =
          RmpRegion.word(
              gfn,
              asid,
              RmpRegion.ASSIGNED
                  | (huge ? RmpRegion.HUGE : 0)
                  | ((flags & IMMUTABLE) != 0 ? RmpRegion.IMMUTABLE : 0));
    }
    boolean same = asid != 0 && (word & RmpRegion.IDENTITY) == (old & RmpRegion.IDENTITY);
    if (same) {
      word |= old & (RmpRegion.VALIDATED | RmpRegion.VMSA);
    }
    if ((old & RmpRegion.KEYED) != 0) {
      if (asid == RmpRegion.asid(old)) {
        word |= RmpRegion.KEYED;
      } else {
        content.leavesGuest(r.first() + p, oldHuge ? RmpRegion.PAGES : 1);
      }
    }
    rmp.write(r, p, word, same ? r.perms(p) : 0);
    boolean enters =
        asid != 0 && RmpRegion.asid(old) == 0 && (flags & (ASSIGN | IMMUTABLE)) == ASSIGN;
    if (enters && content.entersGuest(r.first() + p, huge ? RmpRegion.PAGES : 1)) {
      rmp.write(r, p, word | RmpRegion.KEYED, r.perms(p));
    }
    return RmpCode.OK;
  }

  /**
   * PSMASH: breaks a 2 MiB entry into 512 entries that say the same.
   *
   * <p>Order: #UD, #GP; run in a guest (2); alignment and coverage (1); entry locked or in use (3);
   * immutable (2); not a 2 MiB entry ({@link RmpChoices#psmashNot2m}).
   *
   * @param spa RAX, 2 MiB aligned
   */
  public long psmash(CpuMode cpu, long spa) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    if (cpu.asid() != 0) {
      return refuse(RmpCode.FAIL_PERMISSION, "executed in a guest");
    }
    long pfn = spa >>> PAGE_SHIFT;
    if ((spa & 0x1FFFFF) != 0 || !coversAll(pfn, true)) {
      return refuse(RmpCode.FAIL_INPUT, "no aligned 2 MiB range that the RMP covers");
    }
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    if (rmp.take(r, -1) != RmpCode.OK) {
      return refuse(RmpCode.FAIL_INUSE, "another processor changes an entry of the 2 MiB region");
    }
    try {
      long head = r.get(0);
      if ((head & RmpRegion.HUGE) != 0 && r.anyRunning()) {
        return refuse(RmpCode.FAIL_INUSE, "a vCPU runs on one of the pages");
      }
      if ((head & RmpRegion.IMMUTABLE) != 0) {
        return refuse(RmpCode.FAIL_PERMISSION, "the entry is immutable: the firmware holds it");
      }
      if ((head & RmpRegion.HUGE) == 0) {
        return refuse(rmp.choices().psmashNot2m(), "the range has no 2 MiB entry");
      }
      int perms = r.perms(0);
      // Walkers look at the head first, so it changes last.
      for (int p = RmpRegion.PAGES - 1; p >= 0; p--) {
        rmp.write(r, p, RmpRegion.part(head, p) & ~RmpRegion.HUGE, perms);
      }
      return RmpCode.OK;
    } finally {
      r.lock.unlock();
    }
  }

  /**
   * RMPREAD: reads the architectural fields of a frame's own slot.
   *
   * <p>Order: #UD, #GP; run in a guest (2); alignment and coverage (1).
   *
   * @param spa RAX, 4 KiB aligned
   * @param into receives the operand: element 0 bytes 0 to 7, element 1 bytes 8 to 15
   */
  public long rmpread(CpuMode cpu, long spa, long[] into) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    if (cpu.asid() != 0) {
      return refuse(RmpCode.FAIL_PERMISSION, "executed in a guest");
    }
    long pfn = spa >>> PAGE_SHIFT;
    if ((spa & 0xFFF) != 0 || !rmp.covers(pfn)) {
      return refuse(RmpCode.FAIL_INPUT, "no aligned page that the RMP covers");
    }
    RmpEntry e = rmp.slot(pfn);
    into[0] = e.gpa();
    into[1] =
        (e.assigned() ? ASSIGN : 0)
            | (e.huge() ? SIZE_2M : 0)
            | (rmp.subpageCount(pfn) != 0 ? REGION_STATUS : 0)
            | (e.immutable() ? IMMUTABLE : 0)
            | ((long) e.asid() << 32);
    return RmpCode.OK;
  }

  private int refuse(int code, String why) {
    trace.refused(RmpCode.name(code), () -> why);
    return code;
  }

  private boolean coversAll(long pfn, boolean huge) {
    return rmp.covers(pfn) && (!huge || rmp.covers(pfn + RmpRegion.PAGES - 1));
  }

  private long undefinedOrUnprivileged(CpuMode cpu) {
    return !rmp.enabled() || !cpu.longMode() ? RmpOutcome.UD : cpu.cpl() != 0 ? RmpOutcome.GP : 0;
  }
}
