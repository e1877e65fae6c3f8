package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptState;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The transition table as a table: leaf × entry state × level × tracking × TD state, with the full
 * status expected by rules written down here a second time, from the module's tables rather than
 * from the model's code.
 */
class TransitionTableTest {
  private static final long GPA = 0x40000000L;

  /** How far the canonical block, track, leave sequence went for a blocked entry. */
  enum Tracking {
    /** No TRACK since the block. */
    NONE,
    /** TRACK made; a vCPU of the old epoch is still inside. */
    VCPU_INSIDE,
    /** TRACK made and every vCPU of the old epoch left. */
    DONE
  }

  enum Leaf {
    SEPT_ADD,
    SEPT_REMOVE,
    SEPT_RD,
    PAGE_ADD,
    PAGE_AUG,
    PAGE_REMOVE,
    PROMOTE,
    DEMOTE,
    RELOCATE,
    BLOCK,
    UNBLOCK,
    EXTEND
  }

  private static final SeptState[] STATES = {
    SeptState.FREE,
    SeptState.NL_MAPPED,
    SeptState.NL_BLOCKED,
    SeptState.MAPPED,
    SeptState.BLOCKED,
    SeptState.PENDING,
    SeptState.PENDING_BLOCKED
  };

  private static long rcx(SeamStatus s) {
    return s.with(Operand.RCX);
  }

  /** Levels the leaf's RCX may name (TDX module 1.5.01, helpers.c). */
  private static boolean levelAllowed(Leaf leaf, int level) {
    return switch (leaf) {
      case SEPT_ADD, SEPT_REMOVE -> level >= 1;
      case SEPT_RD, BLOCK, UNBLOCK, PAGE_REMOVE -> true;
      case PAGE_ADD, RELOCATE -> level == 0;
      case PAGE_AUG -> level <= 1;
      case PROMOTE, DEMOTE -> level >= 1;
      case EXTEND -> true;
    };
  }

  private static boolean blocked(SeptState s) {
    return s == SeptState.NL_BLOCKED || s == SeptState.BLOCKED || s == SeptState.PENDING_BLOCKED;
  }

  /**
   * The check that a live TD's entry is blocked and tracked (TDX module 1.5.01, is_tlb_tracked).
   */
  private static long tracked(boolean live, SeptState s, Tracking t, long untracked) {
    if (!live) {
      return 0;
    }
    if (!blocked(s)) {
      return rcx(SeamStatus.GPA_RANGE_NOT_BLOCKED);
    }
    return t == Tracking.DONE ? 0 : untracked;
  }

  private static long expected(
      Leaf leaf, SeptState s, int level, Tracking t, boolean live, boolean inside) {
    if (leaf == Leaf.PAGE_ADD || leaf == Leaf.EXTEND) {
      if (inside) {
        // They want the TDR for themselves, and a vCPU inside the guest shares it.
        return SeamStatus.OPERAND_BUSY.with(Operand.RDX);
      }
      if (live) {
        return SeamStatus.OP_STATE_INCORRECT.code();
      }
    }
    if (!levelAllowed(leaf, level)) {
      return rcx(SeamStatus.OPERAND_INVALID);
    }
    boolean table = s == SeptState.NL_MAPPED || s == SeptState.NL_BLOCKED;
    boolean leafEntry = s != SeptState.FREE && !table;
    long wrong = rcx(SeamStatus.EPT_ENTRY_STATE_INCORRECT);
    long gate = tracked(live, s, t, rcx(SeamStatus.TLB_TRACKING_NOT_DONE));
    return switch (leaf) {
      case SEPT_ADD, PAGE_ADD, PAGE_AUG -> s == SeptState.FREE ? 0 : wrong;
      case SEPT_REMOVE -> table ? gate : wrong;
      case SEPT_RD -> 0;
      case PAGE_REMOVE, RELOCATE -> leafEntry ? gate : wrong;
      case DEMOTE -> leafEntry ? gate : wrong;
      case PROMOTE -> {
        if (!table) {
          yield wrong;
        }
        // The table of this test is empty, so it can never be merged.
        yield gate != 0 ? gate : rcx(SeamStatus.EPT_INVALID_PROMOTE_CONDITIONS);
      }
      case BLOCK ->
          s == SeptState.FREE ? wrong : blocked(s) ? rcx(SeamStatus.GPA_RANGE_ALREADY_BLOCKED) : 0;
      case UNBLOCK -> {
        if (!blocked(s)) {
          yield wrong;
        }
        boolean gateOpen = !live || t == Tracking.DONE;
        yield gateOpen ? 0 : SeamStatus.TLB_TRACKING_NOT_DONE.with(Operand.SEPT_TREE);
      }
      case EXTEND ->
          s == SeptState.MAPPED && level == 0 ? 0 : rcx(SeamStatus.EPT_ENTRY_NOT_PRESENT);
    };
  }

  private static SeptState after(Leaf leaf, SeptState s) {
    return switch (leaf) {
      case SEPT_ADD -> SeptState.NL_MAPPED;
      case SEPT_REMOVE, PAGE_REMOVE -> SeptState.FREE;
      case PAGE_ADD -> SeptState.MAPPED;
      case PAGE_AUG -> SeptState.PENDING;
      case DEMOTE -> SeptState.NL_MAPPED;
      case RELOCATE, UNBLOCK -> s.unblocked();
      case BLOCK ->
          switch (s) {
            case NL_MAPPED -> SeptState.NL_BLOCKED;
            case MAPPED -> SeptState.BLOCKED;
            default -> SeptState.PENDING_BLOCKED;
          };
      default -> s;
    };
  }

  /** Brings the entry into a state by calls; null if no sequence of calls gets it there. */
  private static @Nullable Bench prepare(
      SeptState s, int level, Tracking t, boolean live, boolean inside) {
    if (level == 0 && (s == SeptState.NL_MAPPED || s == SeptState.NL_BLOCKED)) {
      return null;
    }
    boolean mapped = s == SeptState.MAPPED || s == SeptState.BLOCKED;
    boolean pending = s == SeptState.PENDING || s == SeptState.PENDING_BLOCKED;
    if (level > 1 && (mapped || pending)) {
      return null;
    }
    // Before the TD runs, only PAGE.ADD makes a mapped page, and only at 4 KiB.
    if (mapped && !live && level != 0) {
      return null;
    }
    if (!live && (inside || t != Tracking.NONE)) {
      return null;
    }
    Bench b = Bench.initialized(true);
    b.tables(GPA, level);
    if (mapped && !live) {
      b.must(b.host.memPageAdd(Bench.TDR, GPA, b.page(), Bench.SOURCE));
    }
    if (live) {
      b.must(b.host.mrFinalize(Bench.TDR));
    }
    if (s == SeptState.NL_MAPPED || s == SeptState.NL_BLOCKED) {
      b.must(b.host.memSeptAdd(Bench.TDR, GPA, level, b.page()));
    } else if (pending || (mapped && live)) {
      long hpa = level == 0 ? b.page() : b.huge();
      b.must(b.host.memPageAug(Bench.TDR, GPA, level, hpa));
      if (mapped) {
        b.mustAccept(GPA, level);
      }
    }
    if (inside || t == Tracking.VCPU_INSIDE) {
      b.enter();
    }
    if (blocked(s)) {
      b.must(b.host.memRangeBlock(Bench.TDR, GPA, level));
    }
    if (t != Tracking.NONE) {
      b.track();
    }
    if (t == Tracking.DONE && !inside) {
      b.leave();
    }
    return b;
  }

  private static long call(Bench b, Leaf leaf, int level) {
    SeamCalls c = b.host;
    return switch (leaf) {
      case SEPT_ADD -> c.memSeptAdd(Bench.TDR, GPA, level, b.page());
      case SEPT_REMOVE -> c.memSeptRemove(Bench.TDR, GPA, level);
      case SEPT_RD -> c.memSeptRead(Bench.TDR, GPA, level);
      case PAGE_ADD -> c.memPageAdd(Bench.TDR, GPA | level, b.page(), Bench.SOURCE);
      case PAGE_AUG -> c.memPageAug(Bench.TDR, GPA, level, level == 0 ? b.page() : b.huge());
      case PAGE_REMOVE -> c.memPageRemove(Bench.TDR, GPA, level);
      case PROMOTE -> c.memPagePromote(Bench.TDR, GPA, level);
      case DEMOTE -> c.memPageDemote(Bench.TDR, GPA, level, b.page());
      case RELOCATE -> c.memPageRelocate(Bench.TDR, GPA | level, b.page());
      case BLOCK -> c.memRangeBlock(Bench.TDR, GPA, level);
      case UNBLOCK -> c.memRangeUnblock(Bench.TDR, GPA, level);
      case EXTEND -> c.mrExtend(Bench.TDR, GPA);
    };
  }

  @Test
  void everyCellGivesItsStatusAndNextState() {
    int cells = 0;
    List<String> wrong = new ArrayList<>();
    for (Leaf leaf : Leaf.values()) {
      for (SeptState s : STATES) {
        for (int level = 0; level <= 2; level++) {
          for (Tracking t : Tracking.values()) {
            for (int mode = 0; mode < 3; mode++) {
              boolean live = mode > 0;
              boolean inside = mode == 2 || t == Tracking.VCPU_INSIDE;
              // A vCPU inside from before the block keeps its epoch open: DONE needs it outside.
              if (mode == 2 && t == Tracking.DONE) {
                continue;
              }
              Bench b = prepare(s, level, t, live, inside);
              if (b == null) {
                continue;
              }
              cells++;
              long want = expected(leaf, s, level, t, live, inside);
              long got = call(b, leaf, level);
              b.check();
              SeptState wantState = want == 0 ? after(leaf, s) : s;
              SeptState gotState = b.state(GPA, level);
              if (want != got || wantState != gotState) {
                wrong.add(
                    leaf
                        + " "
                        + s
                        + " level "
                        + level
                        + " "
                        + t
                        + " live="
                        + live
                        + " inside="
                        + inside
                        + ": expected "
                        + SeamStatus.describe(want)
                        + " "
                        + wantState
                        + ", got "
                        + SeamStatus.describe(got)
                        + " "
                        + gotState);
              }
            }
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(cells).isEqualTo(1056);
  }

  @Test
  void acceptAnswersEveryStateOfItsEntry() {
    List<String> wrong = new ArrayList<>();
    for (SeptState s : STATES) {
      for (int level = 0; level <= 1; level++) {
        Bench b = prepare(s, level, Tracking.NONE, true, false);
        if (b == null) {
          continue;
        }
        b.enter();
        GuestOutcome o = b.accept(GPA, level);
        String got = o == GuestOutcome.DONE ? SeamStatus.describe(b.r.rax) : o.name();
        String want =
            switch (s) {
              case PENDING -> "SUCCESS";
              case MAPPED -> SeamStatus.describe(SeamStatus.PAGE_ALREADY_ACCEPTED.with(level));
              case NL_MAPPED, NL_BLOCKED ->
                  SeamStatus.describe(SeamStatus.PAGE_SIZE_MISMATCH.with(level));
              default -> "TD_EXIT";
            };
        if (!got.equals(want)) {
          wrong.add(s + " level " + level + ": expected " + want + ", got " + got);
        }
      }
    }
    assertThat(wrong).isEmpty();
  }
}
