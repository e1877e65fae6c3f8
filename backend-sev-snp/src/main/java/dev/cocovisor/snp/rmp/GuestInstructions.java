package dev.cocovisor.snp.rmp;

/**
 * PVALIDATE, RMPADJUST and RMPQUERY: what an SNP guest does to the RMP entries of its own pages.
 *
 * <p>The guest names a virtual address; what its own tables and the nested table make of it comes
 * in as guest address, frame and nested level, because translation is not the RMP's business. A
 * frame of -1 says that the nested table has no mapping. Results are {@link RmpOutcome}s:
 * completion with EAX and CF, or the fault that is taken instead. Thread-safe.
 *
 * <p>Order of checks: the machine-checked RMP specification in microsoft/verismo ({@code
 * source/verismo/src/arch/rmp}), completed by the compiler vendor's return tables.
 */
public final class GuestInstructions {
  /** RMPADJUST operand: the VMSA bit of RDX. */
  public static final long VMSA = 1 << 16;

  /** All permissions: read, write, execute user, execute supervisor, shadow stack. */
  public static final int ALL_PERMISSIONS = 0x1F;

  private static final long FAULT = RmpOutcome.GUEST_FINAL | RmpOutcome.ENC | RmpOutcome.USER;

  private final Rmp rmp;

  /** Creates the instructions of a machine with the given table. */
  public GuestInstructions(Rmp rmp) {
    this.rmp = rmp;
  }

  /**
   * PVALIDATE: accepts a page, or gives the acceptance up.
   *
   * <p>Order: #UD, #GP; VMPL ({@link RmpChoices#pvalidateVmpl}); size operand and alignment (1);
   * nested mapping, coverage, assignment, immutability, ASID, reverse map, 4 KiB request on a 2 MiB
   * entry (#NPF); 2 MiB request on 4 KiB (6); no change (CF).
   *
   * @param gva RAX, bytes
   * @param size ECX: 0 for 4 KiB, 1 for 2 MiB
   * @param validate EDX bit 0
   * @param gpa what the guest's tables make of {@code gva}
   * @param pfn what the nested table makes of {@code gpa}, or -1
   * @param nested2m true if the nested mapping is 2 MiB or larger
   */
  public long pvalidate(
      CpuMode cpu, long gva, int size, boolean validate, long gpa, long pfn, boolean nested2m) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    if (cpu.vmpl() != 0) {
      return rmp.choices().pvalidateVmpl() == RmpChoices.VmplFailure.GENERAL_PROTECTION
          ? RmpOutcome.GP
          : RmpCode.FAIL_PERMISSION;
    }
    if (badAddress(gva, size)) {
      return RmpCode.FAIL_INPUT;
    }
    return onEntry(
        cpu,
        size,
        gpa,
        pfn,
        nested2m,
        false,
        (r, p) -> {
          long word = r.get(p);
          if (((word & RmpRegion.VALIDATED) != 0) == validate) {
            return RmpOutcome.CF;
          }
          rmp.write(r, p, (word ^ RmpRegion.VALIDATED) | RmpRegion.KEYED, r.perms(p));
          return RmpCode.OK;
        });
  }

  /** What an instruction does to the entry of its page, which is held. */
  @FunctionalInterface
  private interface Change {
    long make(RmpRegion region, int page);
  }

  /** Walks to the page, takes its entry, compares sizes and lets the instruction change it. */
  private long onEntry(
      CpuMode cpu, int size, long gpa, long pfn, boolean nested2m, boolean valid, Change change) {
    long fault = walk(cpu, gpa, pfn, size, valid);
    if (fault != 0) {
      return fault;
    }
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    int p = r.huge() ? 0 : Rmp.page(pfn);
    if (rmp.take(r, p) != RmpCode.OK) {
      // The processor retries; to the host it looks like a fault while the entry changes.
      return npf(RmpOutcome.RMP | RmpOutcome.PRESENT);
    }
    try {
      // Another processor may have changed the entry before the region was taken.
      fault = walk(cpu, gpa, pfn, size, valid);
      if (fault != 0) {
        return fault;
      }
      return size == 1 && (!r.huge() || !nested2m) ? RmpCode.FAIL_SIZEMISMATCH : change.make(r, p);
    } finally {
      r.lock.unlock();
    }
  }

  /**
   * RMPADJUST: sets the permissions of a less privileged VMPL, and at VMPL 0 the VMSA bit.
   *
   * <p>Order: #UD, #GP; operands (1); target not less privileged than the caller (2); as PVALIDATE
   * (#NPF); not validated (#VC); 2 MiB request on 4 KiB (6); permissions beyond the caller's (2).
   * Reserved bits of the operands count as operand errors, which is this model's reading.
   *
   * @param gva RAX, bytes
   * @param size RCX: 0 for 4 KiB, 1 for 2 MiB
   * @param attributes RDX: target VMPL in 7:0, permissions in 15:8, {@link #VMSA}
   * @param gpa what the guest's tables make of {@code gva}
   * @param pfn what the nested table makes of {@code gpa}, or -1
   * @param nested2m true if the nested mapping is 2 MiB or larger
   */
  public long rmpadjust(
      CpuMode cpu, long gva, int size, long attributes, long gpa, long pfn, boolean nested2m) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    int target = (int) attributes & 0xff;
    int wanted = (int) (attributes >>> 8) & 0xff;
    if (badAddress(gva, size)
        || target > 3
        || (wanted & ~ALL_PERMISSIONS) != 0
        || attributes >>> 17 != 0) {
      return RmpCode.FAIL_INPUT;
    }
    if (target <= cpu.vmpl()) {
      return RmpCode.FAIL_PERMISSION;
    }
    return onEntry(
        cpu,
        size,
        gpa,
        pfn,
        nested2m,
        true,
        (r, p) -> {
          int perms = r.perms(p);
          if ((wanted & ~permissions(perms, cpu.vmpl())) != 0) {
            return RmpCode.FAIL_PERMISSION;
          }
          int shift = (target - 1) * 8;
          long word = r.get(p);
          if (cpu.vmpl() == 0) {
            word = (attributes & VMSA) != 0 ? word | RmpRegion.VMSA : word & ~RmpRegion.VMSA;
          }
          rmp.write(r, p, word, (perms & ~(0xff << shift)) | (wanted << shift));
          return RmpCode.OK;
        });
  }

  /**
   * RMPQUERY: tells a page's size, a less privileged VMPL's permissions and the VMSA bit.
   *
   * <p>Order: #UD, #GP; target not less privileged than the caller, or above 3 (2); as PVALIDATE
   * for a request of whatever size the entry has (#NPF); not validated (#VC).
   *
   * @param target RDX, the VMPL asked about
   * @param gpa what the guest's tables make of the address
   * @param pfn what the nested table makes of {@code gpa}, or -1
   * @param into receives RCX (0 for 4 KiB, 1 for 2 MiB) and RDX (as RMPADJUST's)
   */
  public long rmpquery(CpuMode cpu, long target, long gpa, long pfn, long[] into) {
    long fault = undefinedOrUnprivileged(cpu);
    if (fault != 0) {
      return fault;
    }
    if (target <= cpu.vmpl() || target > 3) {
      return RmpCode.FAIL_PERMISSION;
    }
    fault = walk(cpu, gpa, pfn, rmp.huge(pfn) ? 1 : 0, true);
    if (fault != 0) {
      return fault;
    }
    RmpEntry e = rmp.entry(pfn);
    into[0] = e.huge() ? 1 : 0;
    into[1] = target | (long) permissions(e.perms(), (int) target) << 8 | (e.vmsa() ? VMSA : 0);
    return RmpCode.OK;
  }

  private static boolean badAddress(long gva, int size) {
    return size < 0 || size > 1 || (gva & (size == 1 ? 0x1FFFFF : 0xFFF)) != 0;
  }

  static int permissions(int perms, int vmpl) {
    return vmpl == 0 ? ALL_PERMISSIONS : perms >>> ((vmpl - 1) * 8) & 0xff;
  }

  private long walk(CpuMode cpu, long gpa, long pfn, int size, boolean valid) {
    if (pfn < 0) {
      return npf(0);
    }
    long word = rmp.effective(pfn);
    if (!RmpAccess.ownedMutable(rmp, cpu, word, gpa, pfn)) {
      return npf(RmpOutcome.PRESENT | RmpOutcome.RMP);
    }
    if (size == 0 && (word & RmpRegion.HUGE) != 0) {
      return npf(RmpOutcome.PRESENT | RmpOutcome.RMP | RmpOutcome.SIZEM);
    }
    return valid && (word & RmpRegion.VALIDATED) == 0 ? RmpOutcome.NOT_VALIDATED : 0;
  }

  private static long npf(long bits) {
    return RmpOutcome.nestedFault(FAULT | bits);
  }

  private long undefinedOrUnprivileged(CpuMode cpu) {
    return !rmp.enabled() || !cpu.longMode() || !cpu.snp()
        ? RmpOutcome.UD
        : cpu.cpl() != 0 ? RmpOutcome.GP : 0;
  }
}
