package dev.cocovisor.tdx.guest;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import java.util.function.Function;

/**
 * A guest that behaves like Linux: it accepts memory before it touches it, trying 1 GiB, 2 MiB and
 * 4 KiB in that order where alignment and what is left allow, and goes to the next smaller size
 * where a size is refused.
 *
 * <p>Source: {@code arch/x86/coco/tdx/tdx-shared.c}, tdx_accept_memory and try_accept_one.
 */
public final class LinuxGuest {
  private static final PageLevel[] ORDER = {PageLevel.PG_1G, PageLevel.PG_2M, PageLevel.PG_4K};

  private final Function<GuestAction, RunResult> run;
  private long calls;

  /** Creates a guest whose vCPU is run by {@code run}. */
  public LinuxGuest(Function<GuestAction, RunResult> run) {
    this.run = run;
  }

  /** Returns how many TDCALLs were made. */
  public long calls() {
    return calls;
  }

  /**
   * Accepts a range of private memory.
   *
   * @return false if some page could be accepted at no size
   */
  public boolean accept(long start, long end) {
    long at = start;
    while (at < end) {
      long done = one(at, end);
      if (done == 0) {
        return false;
      }
      at += done;
    }
    return true;
  }

  private long one(long at, long end) {
    for (PageLevel level : ORDER) {
      if ((at & (level.bytes() - 1)) == 0 && end - at >= level.bytes()) {
        RunResult r = run.apply(TdCalls.accept(at, level));
        calls++;
        // Any status but success sends Linux to the next smaller size.
        if (r.errno().ok()
            && r.exit() instanceof Exit.Hlt h
            && h.value() == SeamStatus.SUCCESS.code()) {
          return level.bytes();
        }
      }
    }
    return 0;
  }
}
