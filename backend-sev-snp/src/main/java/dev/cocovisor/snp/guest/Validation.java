package dev.cocovisor.snp.guest;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.snp.rmp.RmpCode;
import dev.cocovisor.snp.rmp.RmpOutcome;

/**
 * How a guest kernel validates a range: 2 MiB at a time where it can, 4 KiB where the host's pages
 * are small.
 *
 * <p>A page whose state does not change is an error, since validating a page twice would let a host
 * swap it. Source: {@code arch/x86/coco/sev/core.c}, pvalidate_pages.
 */
public final class Validation {
  /** Executes PVALIDATE. */
  @FunctionalInterface
  public interface Instruction {
    /**
     * Executes once.
     *
     * @param gpa the address, bytes
     * @param size 0 for 4 KiB, 1 for 2 MiB
     * @return an {@link RmpOutcome}; -1 if the guest was left and does not go on
     */
    long pvalidate(long gpa, int size);
  }

  /** What Linux calls PVALIDATE_FAIL_NOUPDATE: software's name for a set carry flag. */
  public static final int NO_UPDATE = 255;

  private final Instruction cpu;
  private long huge;
  private long small;
  private boolean interrupted;

  /** Creates a driver of a processor. */
  public Validation(Instruction cpu) {
    this.cpu = cpu;
  }

  /**
   * Validates a range.
   *
   * @param gpa page-aligned, bytes
   * @param npages 4 KiB pages
   * @return 0, or the code that stopped it ({@link #NO_UPDATE} for an unchanged page)
   */
  public int run(long gpa, long npages) {
    long end = gpa + (npages << PAGE_SHIFT);
    for (long at = gpa; at < end; ) {
      boolean big = (at & 0x1FFFFF) == 0 && end - at >= 0x200000;
      int code = one(at, big ? 1 : 0);
      if (big && code == RmpCode.FAIL_SIZEMISMATCH) {
        for (long page = at; page < at + 0x200000; page += 4096) {
          code = one(page, 0);
          if (code != 0 || interrupted) {
            return code;
          }
          small++;
        }
      } else if (code != 0 || interrupted) {
        return code;
      } else if (big) {
        huge++;
      } else {
        small++;
      }
      at += big ? 0x200000 : 4096;
    }
    return 0;
  }

  private int one(long gpa, int size) {
    long out = cpu.pvalidate(gpa, size);
    if (out == -1 || !RmpOutcome.isCompleted(out)) {
      interrupted = true;
      return 0;
    }
    return RmpOutcome.carry(out) ? NO_UPDATE : RmpOutcome.eax(out);
  }

  /** Returns how many 2 MiB pages were validated. */
  public long hugePages() {
    return huge;
  }

  /** Returns how many 4 KiB pages were validated. */
  public long smallPages() {
    return small;
  }

  /** Tells whether the guest was left in the middle. */
  public boolean interrupted() {
    return interrupted;
  }
}
