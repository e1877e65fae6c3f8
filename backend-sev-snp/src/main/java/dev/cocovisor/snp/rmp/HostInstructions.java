package dev.cocovisor.snp.rmp;

/**
 * RMPUPDATE, PSMASH and RMPREAD: what the hypervisor does to the RMP.
 *
 * <p>Each method is one execution of the instruction: it takes the operands as registers hold them
 * and returns an {@link Outcome}. The single checks are documented; their order is reconstructed
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
  }

  private final Rmp rmp;
  private final Content content;

  /** Creates the instructions of a machine with the given table and no memory behind it. */
  public HostInstructions(Rmp rmp) {
    this(rmp, Content.NONE);
  }

  /** Creates the instructions of a machine with the given table and memory. */
  public HostInstructions(Rmp rmp, Content content) {
    this.rmp = rmp;
    this.content = content;
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
      return RmpCode.FAIL_PERMISSION;
    }
    boolean huge = (flags & SIZE_2M) != 0;
    boolean assign = (flags & ASSIGN) != 0;
    long align = huge ? 0x1FFFFF : 0xFFF;
    long pfn = spa >>> 12;
    if ((spa & align) != 0
        || !coversAll(pfn, huge)
        || (flags & RESERVED) != 0
        || asid < 0
        || asid >= rmp.asids()
        || (gpa & align) != 0
        || (gpa >>> 52) != 0
        || (!assign && ((flags & IMMUTABLE) != 0 || asid != 0))) {
      return RmpCode.FAIL_INPUT;
    }
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    int p = Rmp.page(pfn);
    int taken = rmp.take(r, huge ? -1 : p);
    if (taken != RmpCode.OK) {
      return taken;
    }
    try {
      return update(r, p, gpa >>> 12, flags, asid);
    } finally {
      r.lock.unlock();
    }
  }

  private long update(RmpRegion r, int p, long gfn, int flags, int asid) {
    boolean huge = (flags & SIZE_2M) != 0;
    long old = r.get(p);
    boolean oldHuge = r.huge();
    if ((huge || oldHuge) ? r.anyRunning() : r.running(p)) {
      return RmpCode.FAIL_INUSE;
    }
    if ((old & RmpRegion.IMMUTABLE) != 0) {
      return RmpCode.FAIL_PERMISSION;
    }
    if (huge) {
      boolean head = rmp.choices().headCounts() && !oldHuge && (old & RmpRegion.ASSIGNED) != 0;
      if (r.subAssigned != 0 || head) {
        return RmpCode.FAIL_OVERLAP;
      }
    } else if (oldHuge) {
      return RmpCode.FAIL_OVERLAP;
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
      return RmpCode.FAIL_PERMISSION;
    }
    long pfn = spa >>> 12;
    if ((spa & 0x1FFFFF) != 0 || !coversAll(pfn, true)) {
      return RmpCode.FAIL_INPUT;
    }
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    if (rmp.take(r, -1) != RmpCode.OK) {
      return RmpCode.FAIL_INUSE;
    }
    try {
      long head = r.get(0);
      if ((head & RmpRegion.HUGE) != 0 && r.anyRunning()) {
        return RmpCode.FAIL_INUSE;
      }
      if ((head & RmpRegion.IMMUTABLE) != 0) {
        return RmpCode.FAIL_PERMISSION;
      }
      if ((head & RmpRegion.HUGE) == 0) {
        return rmp.choices().psmashNot2m();
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
      return RmpCode.FAIL_PERMISSION;
    }
    long pfn = spa >>> 12;
    if ((spa & 0xFFF) != 0 || !rmp.covers(pfn)) {
      return RmpCode.FAIL_INPUT;
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

  private boolean coversAll(long pfn, boolean huge) {
    return rmp.covers(pfn) && (!huge || rmp.covers(pfn + RmpRegion.PAGES - 1));
  }

  private long undefinedOrUnprivileged(CpuMode cpu) {
    return !rmp.enabled() || !cpu.longMode() ? Outcome.UD : cpu.cpl() != 0 ? Outcome.GP : 0;
  }
}
