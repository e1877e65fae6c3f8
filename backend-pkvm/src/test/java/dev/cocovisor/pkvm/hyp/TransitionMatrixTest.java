package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Nine states of a page, sixteen transitions, one test for every pair.
 *
 * <p>The grid is that of the in-kernel ownership self-test (CONFIG_NVHE_EL2_DEBUG); cells marked d
 * are not tried there and follow from the code. A cell is an errno, or the letter of the state the
 * page is in afterwards, or 0: success that leaves the row's own guest mapping as it was.
 */
class TransitionMatrixTest {
  private static final long PAGE = 0x100;
  private static final long GFN = 0x40;

  private static final String STATES = "A B C C1 D E F G P";

  private static final String[] GRID = {
    "share_hyp          | EPERM   | C       | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | 0 d",
    "unshare_hyp        | EPERM   | EPERM   | B       | EBUSY   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | EPERM d",
    "pin                | EPERM   | EPERM   | C1      | 0       | EPERM  | EPERM  | EPERM d| EPERM"
        + " d| EPERM d",
    "donate_hyp         | EPERM   | A       | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | 0",
    "hyp_donate_host    | B       | EPERM   | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | EPERM d",
    "share_ffa          | EPERM   | D       | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | 0 d",
    "unshare_ffa        | EPERM   | EPERM   | broken d| broken d| B      | broken d|EPERM d| EPERM"
        + " d| EPERM d",
    "share_guest        | EPERM   | E       | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | EPERM",
    "share_guest+1      | EPERM d | E+1     | EPERM d | EPERM d | EPERM d| 0      | EPERM  | EPERM "
        + " | 0 d",
    "unshare_guest      | ENOENT  | ENOENT  | ENOENT  | ENOENT  | ENOENT | B      | EPERM d| EPERM"
        + " d| ENOENT d",
    "donate_guest       | EPERM   | F       | EPERM   | EPERM   | EPERM  | EPERM  | EPERM  | EPERM "
        + " | EPERM",
    "donate_guest+1     | EPERM d | F+1     | EPERM d | EPERM d | EPERM d| EPERM d| EPERM  | EPERM "
        + " | 0",
    "guest_share_host   | ENOENT d| ENOENT d| ENOENT d| ENOENT d| ENOENT d| EPERM d| G     | EPERM "
        + " | EHWPOISON",
    "guest_unshare_host | ENOENT d| ENOENT d| ENOENT d| ENOENT d| ENOENT d| EPERM d| EPERM d| F    "
        + " | EHWPOISON",
    "force_reclaim      | EPERM d | EAGAIN d| EAGAIN d| EAGAIN d| EAGAIN d| EAGAIN d| P     |"
        + " EAGAIN d| EAGAIN d",
    "reclaim_dying      | ENOENT d| ENOENT d| ENOENT d| ENOENT d| ENOENT d| EPERM d| B      | B d  "
        + "  | 0 d",
  };

  @TestFactory
  List<DynamicTest> everyCell() {
    List<DynamicTest> tests = new ArrayList<>();
    String[] states = STATES.split(" ", -1);
    for (String line : GRID) {
      String[] cells = line.split("\\|", -1);
      String op = cells[0].trim();
      for (int i = 0; i < states.length; i++) {
        String state = states[i];
        String cell = cells[i + 1].trim();
        boolean derived = cell.endsWith(" d");
        String expected = derived ? cell.substring(0, cell.length() - 2).trim() : cell;
        tests.add(
            DynamicTest.dynamicTest(
                op + " on " + state + " gives " + expected + (derived ? " (derived)" : ""),
                () -> checkCell(op, state, expected)));
      }
    }
    assertThat(tests).hasSize(9 * 16);
    return tests;
  }

  private static void checkCell(String op, String state, String expected) {
    Bench before = new Bench().enter(state);
    Bench b = new Bench().enter(state);
    Errno e = b.apply(op);
    switch (expected) {
      case "broken" -> {
        assertThat(e).isEqualTo(Errno.OK);
        assertThat(b.machine.hyp.hostState(PAGE)).isEqualTo(PageState.OWNED);
        assertThat(b.machine.violations()).isNotEmpty();
        return;
      }
      case "0" -> {
        assertThat(e).isEqualTo(Errno.OK);
        checkZero(op, state, before, b);
      }
      default -> {
        if (expected.startsWith("E") && expected.length() > 3) {
          assertThat(e).isEqualTo(Errno.valueOf(expected));
          assertThat(b.signature()).as("a refusal changes nothing").isEqualTo(before.signature());
        } else {
          assertThat(e).isEqualTo(Errno.OK);
          assertThat(b.signature()).isEqualTo(new Bench().enter(expected).signature());
        }
      }
    }
    assertThat(b.machine.violations()).isEmpty();
  }

  private static void checkZero(String op, String state, Bench before, Bench after) {
    switch (state) {
      case "C1" -> assertThat(after.machine.hyp.pinCount(PAGE)).isEqualTo(2);
      case "E" -> {
        assertThat(after.machine.hyp.guestShares(PAGE)).isEqualTo(2);
        assertThat(after.at(GFN + 1)).isEqualTo(PageState.SHARED_BORROWED);
      }
      case "P" -> {
        assertThat(after.at(GFN)).as("poison stays").isEqualTo(PageState.POISON);
        if (op.equals("reclaim_dying")) {
          assertThat(after.signature()).isEqualTo(before.signature());
        } else {
          Bench b = new Bench().enter("B");
          b.apply(op);
          assertThat(after.signatureWithout(GFN)).isEqualTo(b.signatureWithout(GFN));
        }
      }
      default -> throw new AssertionError("no success without a new state is known in " + state);
    }
  }

  /** One page, one VM that may take both kinds of mapping, as in the kernel's self-test. */
  private static final class Bench {
    final HypMachine machine = new HypMachine();
    final HypMachine.Guest guest = machine.guest(true).loadOn(0);
    final HypVcpu vcpu;
    final GuestTransitions ops = machine.hyp.guestTransitions();

    Bench() {
      refill();
      HypVcpu v = machine.hyp.loaded(0);
      if (v == null) {
        throw new AssertionError("the vCPU did not load");
      }
      vcpu = v;
      machine.memory.writeByte(PAGE << 12, 0x5a);
    }

    /** A donation that is refused fills EL2's cache and does nothing else. */
    private void refill() {
      guest.fill();
      machine.call(0, Hypercall.HOST_DONATE_GUEST, guest.vm.pfn(), 0);
    }

    /** Brings the page into a row's state. */
    Bench enter(String state) {
      switch (state) {
        case "A" -> apply("donate_hyp");
        case "B" -> {}
        case "C" -> apply("share_hyp");
        case "C1" -> {
          apply("share_hyp");
          apply("pin");
        }
        case "D" -> apply("share_ffa");
        case "E" -> apply("share_guest");
        case "E+1" -> apply("share_guest+1");
        case "F" -> apply("donate_guest");
        case "F+1" -> apply("donate_guest+1");
        case "G" -> {
          apply("donate_guest");
          apply("guest_share_host");
        }
        case "P" -> {
          apply("donate_guest");
          apply("force_reclaim");
        }
        default -> throw new AssertionError(state);
      }
      return this;
    }

    Errno apply(String op) {
      Hyp hyp = machine.hyp;
      refill();
      return switch (op) {
        case "share_hyp" -> errno(machine.call(0, Hypercall.HOST_SHARE_HYP, PAGE));
        case "unshare_hyp" -> errno(machine.call(0, Hypercall.HOST_UNSHARE_HYP, PAGE));
        case "pin" -> hyp.pinSharedMem(PAGE, 1);
        case "donate_hyp" -> hyp.hostDonateHyp(PAGE, 1);
        case "hyp_donate_host" -> hyp.hypDonateHost(PAGE, 1);
        case "share_ffa" -> hyp.hostShareFfa(PAGE, 1);
        case "unshare_ffa" -> hyp.hostUnshareFfa(PAGE, 1);
        case "share_guest" -> ops.shareGuest(vcpu, PAGE, GFN, 1, Pte.RWX);
        case "share_guest+1" -> ops.shareGuest(vcpu, PAGE, GFN + 1, 1, Pte.RWX);
        case "unshare_guest" -> ops.unshareGuest(vcpu.vm, GFN, 1);
        case "donate_guest" -> ops.donateGuest(vcpu, PAGE, GFN);
        case "donate_guest+1" -> ops.donateGuest(vcpu, PAGE, GFN + 1);
        case "guest_share_host" -> ops.guestShareHost(vcpu.vm, GFN);
        case "guest_unshare_host" -> ops.guestUnshareHost(vcpu.vm, GFN);
        case "force_reclaim" ->
            errno(machine.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, PAGE << 12));
        case "reclaim_dying" -> ops.reclaimDying(vcpu.vm, GFN);
        default -> throw new AssertionError(op);
      };
    }

    private static Errno errno(long result) {
      return Errno.of((int) -result);
    }

    PageState at(long gfn) {
      return machine.hyp.guestState(guest.handle(), gfn);
    }

    String signature() {
      return signatureWithout(-1) + " gfn " + at(GFN);
    }

    String signatureWithout(long gfn) {
      Hyp hyp = machine.hyp;
      return hyp.hostState(PAGE)
          + " "
          + hyp.hypState(PAGE)
          + " pins "
          + hyp.pinCount(PAGE)
          + " shares "
          + hyp.guestShares(PAGE)
          + " owner "
          + hyp.ownerOf(PAGE)
          + " hyp map "
          + hyp.isMappedAtHyp(PAGE)
          + " gfn+1 "
          + (gfn == GFN + 1 ? "" : at(GFN + 1));
    }
  }
}
