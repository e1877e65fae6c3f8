package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Every sequence of transitions on two pages and two guests, one protected and one not.
 *
 * <p>Breadth first over distinct states; a state is reached again by replaying its shortest
 * sequence on a fresh machine. A refused transition must leave the state as it was, so refused
 * steps cost nothing. Two assumptions about the world outside EL2 keep the invariants: the secure
 * world names only pages that were shared with it, and the host reclaims a VM's pages before it
 * finalizes the teardown. Dropping the first one is a test of its own.
 */
class ExhaustiveSearchTest {
  private static final long[] PAGES = {0x100, 0x101};
  private static final int PROTECTED = 0;
  private static final int NORMAL = 1;

  @Test
  void noSequenceOfFourTransitionsBreaksAnInvariant() {
    Search s = new Search(true);
    s.run(4);
    assertThat(s.broken).isEmpty();
    assertThat(s.states.size()).isGreaterThan(500);
  }

  @Test
  @Tag("slow")
  void noSequenceOfSixTransitionsBreaksAnInvariant() {
    long start = System.nanoTime();
    Search s = new Search(true);
    s.run(6);
    System.out.printf(
        "pKVM exhaustive search: depth 6, 2 pages, 2 guests, %d operations: %d states, %d steps,"
            + " %.1f s%n",
        OPS.size(), s.states.size(), s.steps, (System.nanoTime() - start) / 1e9);
    assertThat(s.broken).isEmpty();
  }

  @Test
  void withoutTrustInTheSecureWorldTwoTransitionsBreakOwnership() {
    Search s = new Search(false);
    s.run(2);
    // unshare_ffa looks at the host's state alone: what holds is an assumption, not a check.
    assertThat(s.broken)
        .contains("share_hyp 0; unshare_ffa 0", "np share 0 at 0; unshare_ffa 0")
        .allMatch(sequence -> sequence.contains("unshare_ffa"));
  }

  /** One step; false if it does not apply in this state (a precondition of the outside world). */
  private interface Step {
    boolean apply(World w);
  }

  private record Op(String name, Step step) {}

  private static final List<Op> OPS = operations();

  private static List<Op> operations() {
    List<Op> ops = new ArrayList<>();
    for (int i = 0; i < PAGES.length; i++) {
      int n = i;
      long p = PAGES[i];
      ops.add(new Op("share_hyp " + i, w -> w.call(Hypercall.HOST_SHARE_HYP, p)));
      ops.add(new Op("unshare_hyp " + i, w -> w.call(Hypercall.HOST_UNSHARE_HYP, p)));
      ops.add(new Op("pin " + i, w -> w.hyp().pinCount(p) < 2 && w.hyp().pinSharedMem(p, 1).ok()));
      ops.add(new Op("unpin " + i, w -> w.unpin(p)));
      ops.add(new Op("donate_hyp " + i, w -> w.hyp().hostDonateHyp(p, 1).ok()));
      ops.add(new Op("hyp_donate_host " + i, w -> w.hyp().hypDonateHost(p, 1).ok()));
      ops.add(new Op("share_ffa " + i, w -> w.shareFfa(n)));
      ops.add(new Op("unshare_ffa " + i, w -> w.unshareFfa(n)));
      ops.add(
          new Op("force_reclaim " + i, w -> w.call(Hypercall.FORCE_RECLAIM_GUEST_PAGE, p << 12)));
      for (long gfn = 0; gfn < 2; gfn++) {
        long g = gfn;
        ops.add(new Op("donate " + i + " at " + g, w -> w.donate(p, g)));
        ops.add(new Op("np share " + i + " at " + g, w -> w.share(p, g)));
      }
    }
    for (long gfn = 0; gfn < 2; gfn++) {
      long g = gfn;
      ops.add(new Op("guest_share_host " + g, w -> w.hvc(GuestCalls.MEM_SHARE, g)));
      ops.add(new Op("guest_unshare_host " + g, w -> w.hvc(GuestCalls.MEM_UNSHARE, g)));
      ops.add(new Op("np unshare " + g, w -> w.unshare(g)));
      ops.add(new Op("reclaim_dying " + g, w -> w.reclaim(g)));
    }
    for (int guest = 0; guest < 2; guest++) {
      int g = guest;
      ops.add(new Op("start_teardown " + g, w -> w.startTeardown(g)));
      ops.add(new Op("finalize " + g, w -> w.finalizeTeardown(g)));
    }
    return List.copyOf(ops);
  }

  /** The machine with what the search knows about the world outside EL2. */
  private static final class World {
    final HypMachine m = new HypMachine(2);
    final HypMachine.Guest[] guests = {m.guest(true).loadOn(0), m.guest(false).loadOn(1)};
    final boolean[] ffa = new boolean[2];
    final boolean trustSecureWorld;

    World(boolean trustSecureWorld) {
      this.trustSecureWorld = trustSecureWorld;
      // One refused mapping each fills EL2's caches.
      m.call(0, Hypercall.HOST_DONATE_GUEST, guests[0].vm.pfn(), 0);
      m.call(1, Hypercall.HOST_SHARE_GUEST, guests[1].vm.pfn(), 0, 1, Pte.RWX);
      guests[0].fill();
      guests[1].fill();
    }

    Hyp hyp() {
      return m.hyp;
    }

    boolean call(Hypercall call, long... a) {
      return m.call(0, call, a) == 0;
    }

    boolean unpin(long p) {
      if (hyp().pinCount(p) == 0 || hyp().hypState(p) != PageState.SHARED_BORROWED) {
        return false;
      }
      hyp().unpinSharedMem(p, 1);
      return true;
    }

    boolean shareFfa(int i) {
      boolean ok = hyp().hostShareFfa(PAGES[i], 1).ok();
      ffa[i] |= ok;
      return ok;
    }

    boolean unshareFfa(int i) {
      if (trustSecureWorld && !ffa[i]) {
        return false;
      }
      boolean ok = hyp().hostUnshareFfa(PAGES[i], 1).ok();
      if (ok) {
        ffa[i] = false;
      }
      return ok;
    }

    boolean donate(long p, long gfn) {
      guests[PROTECTED].fill();
      return m.call(0, Hypercall.HOST_DONATE_GUEST, p, gfn) == 0;
    }

    boolean share(long p, long gfn) {
      guests[NORMAL].fill();
      return m.call(1, Hypercall.HOST_SHARE_GUEST, p, gfn, 1, Pte.RWX) == 0;
    }

    boolean unshare(long gfn) {
      return m.call(1, Hypercall.HOST_UNSHARE_GUEST, guests[NORMAL].handle(), gfn, 1) == 0;
    }

    boolean hvc(long fn, long gfn) {
      return hyp().isLoaded(0)
          && hyp().guestHvc(0, fn, gfn << 12, 0, 0) == HvcOutcome.DONE
          && hyp().guestX0(0) == GuestCalls.SUCCESS;
    }

    boolean reclaim(long gfn) {
      int handle = guests[PROTECTED].handle();
      return hyp().guestState(handle, gfn) != PageState.POISON
          && m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, handle, gfn) == 0;
    }

    boolean startTeardown(int guest) {
      if (!hyp().isLoaded(guest)) {
        return false;
      }
      m.call(guest, Hypercall.VCPU_PUT);
      return m.call(0, Hypercall.START_TEARDOWN_VM, guests[guest].handle()) == 0;
    }

    boolean finalizeTeardown(int guest) {
      int handle = guests[guest].handle();
      for (long gfn = 0; gfn < 2; gfn++) {
        if (hyp().guestPfn(handle, gfn) >= 0) {
          return false;
        }
      }
      return m.call(0, Hypercall.FINALIZE_TEARDOWN_VM, handle) == 0;
    }

    /** Everything that decides what later steps do. */
    String key() {
      StringBuilder s = new StringBuilder(80);
      for (int i = 0; i < 2; i++) {
        long p = PAGES[i];
        s.append(hyp().hostState(p).bits())
            .append(hyp().hypState(p).bits())
            .append(hyp().pinCount(p))
            .append(hyp().guestShares(p))
            .append(ffa[i] ? 'f' : '-');
      }
      for (int g = 0; g < 2; g++) {
        int handle = guests[g].handle();
        s.append(hyp().isLoaded(g) ? 'L' : hyp().pinCount(guests[g].vm.pfn()) > 0 ? 'D' : 'X');
        for (long gfn = 0; gfn < 2; gfn++) {
          s.append(hyp().guestState(handle, gfn).bits()).append(hyp().guestPfn(handle, gfn) & 0xf);
        }
      }
      return s.toString();
    }
  }

  /** Breadth-first search. */
  private static final class Search {
    final Map<String, int[]> states = new HashMap<>();
    final TreeSet<String> broken = new TreeSet<>();
    final boolean trustSecureWorld;
    long steps;

    Search(boolean trustSecureWorld) {
      this.trustSecureWorld = trustSecureWorld;
    }

    void run(int depth) {
      ArrayDeque<int[]> queue = new ArrayDeque<>();
      states.put(new World(trustSecureWorld).key(), new int[0]);
      queue.add(new int[0]);
      while (!queue.isEmpty()) {
        int[] path = queue.remove();
        if (path.length < depth) {
          expand(path, queue);
        }
      }
    }

    private void expand(int[] path, ArrayDeque<int[]> queue) {
      World w = replay(path);
      String key = w.key();
      for (int op = 0; op < OPS.size(); op++) {
        steps++;
        boolean done = OPS.get(op).step().apply(w);
        String next = w.key();
        if (!done) {
          assertThat(next).as("refused step %s", OPS.get(op).name()).isEqualTo(key);
          continue;
        }
        int[] longer = java.util.Arrays.copyOf(path, path.length + 1);
        longer[path.length] = op;
        if (states.putIfAbsent(next, longer) == null) {
          if (w.m.violations().isEmpty()) {
            queue.add(longer);
          } else {
            broken.add(name(longer));
          }
        }
        w = replay(path);
      }
    }

    private World replay(int[] path) {
      World w = new World(trustSecureWorld);
      for (int op : path) {
        assertThat(OPS.get(op).step().apply(w)).isTrue();
      }
      return w;
    }

    private static String name(int[] path) {
      List<String> names = new ArrayList<>();
      for (int op : path) {
        names.add(OPS.get(op).name());
      }
      return String.join("; ", names);
    }
  }
}
