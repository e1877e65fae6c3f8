package dev.cocovisor.tdx.guest;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import java.util.function.Function;

/**
 * A guest that touches memory before it accepts it and accepts at one fixed size when a #VE says
 * that the page is pending. Without #VE (SEPT_VE_DISABLE) its first touch is its end.
 */
public final class TouchFirstGuest {
  private final Function<GuestAction, RunResult> run;
  private final PageLevel acceptLevel;

  /** Creates a guest that accepts at {@code acceptLevel} only. */
  public TouchFirstGuest(Function<GuestAction, RunResult> run, PageLevel acceptLevel) {
    this.run = run;
    this.acceptLevel = acceptLevel;
  }

  /**
   * Stores a byte, accepting the page if told to.
   *
   * @return what the run that ended the attempt answered; a halt means that the store was done
   */
  public RunResult store(long gpa, int value) {
    RunResult r = run.apply(new GuestAction.Write(gpa, value));
    if (!(r.exit() instanceof Exit.Vendor v) || !v.name().equals("GUEST_VE")) {
      return r;
    }
    RunResult accepted = run.apply(TdCalls.accept(gpa & -acceptLevel.bytes(), acceptLevel));
    boolean ok =
        accepted.errno().ok()
            && accepted.exit() instanceof Exit.Hlt h
            && !SeamStatus.isError(h.value());
    return ok ? run.apply(new GuestAction.Write(gpa, value)) : accepted;
  }
}
