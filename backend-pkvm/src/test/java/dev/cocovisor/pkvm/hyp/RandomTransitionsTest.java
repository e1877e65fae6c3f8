package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Long random runs: invariants after every step, nothing lent or lost at the end. */
class RandomTransitionsTest {
  private static final int PAGES = 12;
  private static final long FIRST = 0x200;
  private static final int GFNS = 6;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void invariantsHoldAfterEveryStepAndNoPageIsLost(long seed) {
    String reproduce =
        "seed " + seed + ": mvn -pl backend-pkvm -am test -Dtest=RandomTransitionsTest";
    SplittableRandom random = new SplittableRandom(seed);
    HypMachine m = new HypMachine(4);
    HypMachine.Guest[] guests = {
      m.guest(true).loadOn(0),
      m.guest(true).loadOn(1),
      m.guest(false).loadOn(2),
      m.guest(false).loadOn(3)
    };
    for (int step = 0; step < 1500; step++) {
      step(random, m, guests);
      assertThat(m.violations()).as("%s, step %d", reproduce, step).isEmpty();
    }
    for (int g = 0; g < guests.length; g++) {
      end(m, guests[g], g);
      assertThat(m.violations()).as(reproduce).isEmpty();
    }
    for (long p = FIRST; p < FIRST + PAGES; p++) {
      while (m.hyp.pinCount(p) > 0) {
        m.hyp.unpinSharedMem(p, 1);
      }
      m.call(0, Hypercall.HOST_UNSHARE_HYP, p);
      m.hyp.hypDonateHost(p, 1);
      m.hyp.hostUnshareFfa(p, 1);
    }
    assertThat(m.violations()).as(reproduce).isEmpty();
    assertThat(m.hyp.touchedPages()).as(reproduce + ": pages lent or lost").isZero();
  }

  private static void step(SplittableRandom random, HypMachine m, HypMachine.Guest[] guests) {
    long p = FIRST + random.nextInt(PAGES);
    long gfn = random.nextInt(GFNS);
    int cpu = random.nextInt(4);
    HypMachine.Guest guest = guests[cpu];
    guest.fill();
    switch (random.nextInt(14)) {
      case 0 -> m.call(0, Hypercall.HOST_SHARE_HYP, p);
      case 1 -> m.call(0, Hypercall.HOST_UNSHARE_HYP, p);
      case 2 -> m.hyp.pinSharedMem(p, 1);
      case 3 -> {
        if (m.hyp.pinCount(p) > 0) {
          m.hyp.unpinSharedMem(p, 1);
        }
      }
      case 4 -> m.hyp.hostDonateHyp(p, 1);
      case 5 -> m.hyp.hypDonateHost(p, 1);
      case 6 -> m.hyp.hostShareFfa(p, 1);
      case 7, 8 -> {
        m.call(cpu, Hypercall.HOST_DONATE_GUEST, p, gfn);
        m.call(cpu, Hypercall.HOST_SHARE_GUEST, p, gfn, 1, 7);
      }
      case 9 -> m.call(cpu, Hypercall.HOST_UNSHARE_GUEST, guest.handle(), gfn, 1);
      case 10 -> m.hyp.guestHvc(cpu, GuestCalls.MEM_SHARE, gfn << 12, 0, 0);
      case 11 -> m.hyp.guestHvc(cpu, GuestCalls.MEM_UNSHARE, gfn << 12, 0, 0);
      case 12 -> m.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, p << 12);
      default -> m.hyp.hostFault(p);
    }
  }

  private static void end(HypMachine m, HypMachine.Guest guest, int cpu) {
    m.call(cpu, Hypercall.VCPU_PUT);
    assertThat(m.call(0, Hypercall.START_TEARDOWN_VM, guest.handle())).isZero();
    for (long gfn = 0; gfn < GFNS; gfn++) {
      m.call(0, Hypercall.RECLAIM_DYING_GUEST_PAGE, guest.handle(), gfn);
      m.call(0, Hypercall.HOST_UNSHARE_GUEST, guest.handle(), gfn, 1);
    }
    guest.bury();
  }
}
