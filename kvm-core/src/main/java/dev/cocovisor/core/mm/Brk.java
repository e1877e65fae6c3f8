package dev.cocovisor.core.mm;

/**
 * A process's heap, whose end brk moves. Source (Linux 7.3): {@code mm/mmap.c}, brk and
 * do_brk_flags.
 */
public final class Brk {
  /** Where the heap of a program that was linked to fixed addresses begins. */
  private static final long START = 0x4c_8000L;

  private final AddressSpace space;
  private final MappingCalls calls;
  private long start = START;
  private long end = START;

  /** Begins with an empty heap. */
  public Brk(AddressSpace space) {
    this.space = space;
    this.calls = new MappingCalls(space);
  }

  /** Puts an empty heap somewhere else, as a loader does. */
  public void begin(long at) {
    if (start == end) {
      start = at;
      end = at;
    }
  }

  /**
   * brk.
   *
   * @return where the heap ends now: at {@code addr}, or where it ended before if that cannot be
   */
  public long brk(long addr) {
    long was = (end + 4095) & -4096L;
    long now = (addr + 4095) & -4096L;
    if (addr < start || now < addr || !space.accessOk(start, now - start)) {
      return end;
    }
    if (now < was && !calls.munmap(now, was - now).ok()) {
      return end;
    }
    if (now > was) {
      // A page is left before what comes next.
      boolean free = space.isFree(was, now + 4096 - was);
      var wish = new MappingCalls.Wish(was, now - was, 3, true, true, false);
      if (!free || calls.map(wish, false, false, null, 0) < 0) {
        return end;
      }
    }
    end = addr;
    return end;
  }
}
