package dev.cocovisor.script.random;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.script.generate.Choices;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.vmm.Guest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Draws the next step of a program, from what the program has launched so far. Sizes and places are
 * drawn from few values around the borders of 4 KiB and 2 MiB pages, so that steps meet each
 * other's memory; about one in twelve is wrong on purpose.
 */
final class StepChooser {
  private static final long K4 = PageLevel.PAGE_SIZE;
  private static final long M2 = 512 * K4;
  private static final int MOST_VMS = 4;
  private static final long MANY_PAGES = 1L << 30;

  private final Choices choose;
  private final boolean faults;

  /** How far each VM is in its launch: absent until a launch step named it finished. */
  private final Map<Integer, Boolean> finished = new HashMap<>();

  private boolean taken;

  /**
   * @param faults whether the host and its trusted half are made to fail
   */
  StepChooser(Choices choose, boolean faults) {
    this.choose = choose;
    this.faults = faults;
  }

  /** Returns the next step. */
  Step next(List<Guest> guests) {
    List<Integer> living = new ArrayList<>();
    for (int i = 0; i < guests.size(); i++) {
      if (guests.get(i).live()) {
        living.add(i + 1);
      }
    }
    if (taken && choose.percent(40)) {
      taken = false;
      return new Step.GiveMemory();
    }
    if (living.isEmpty() || (living.size() < MOST_VMS && choose.percent(3))) {
      if (guests.isEmpty() || choose.percent(80)) {
        return launch(guests.size());
      }
      // A VM that is gone: its memory may still be open.
      int gone = 1 + choose.below(guests.size());
      return switch (choose.below(3)) {
        case 0 -> new Step.CloseMemory(gone);
        case 1 -> new Step.Peek(gone, at(guests.get(gone - 1)), via());
        default -> new Step.Read(gone, 0, at(guests.get(gone - 1)), false);
      };
    }
    int vm = living.get(choose.below(living.size()));
    return of(vm, guests.get(vm - 1));
  }

  private Step launch(int before) {
    long memory = choose.of(M2, 2 * M2, 0x100000, 3 * M2, M2 + 0x3000, 4 * M2, K4);
    int vcpus = 1 + choose.below(3);
    int from = before > 0 && choose.percent(12) ? 1 + choose.below(before) : 0;
    return new Step.Launch(from == 0 ? memory : 0, vcpus, choose.percent(30), from, new Fields());
  }

  private Step of(int vm, Guest g) {
    if (!finished.getOrDefault(vm, false)) {
      int kind = choose.below(100);
      if (kind < 30) {
        return populate(vm, g);
      }
      if (kind < 60) {
        finished.put(vm, true);
        return new Step.FinalizeLaunch(vm);
      }
    }
    int kind = choose.below(120);
    if (kind < 15) {
      return new Step.Read(vm, vcpu(g), place(g), choose.percent(20));
    } else if (kind < 34) {
      return new Step.Write(vm, vcpu(g), place(g), 1 + choose.below(255), choose.percent(20));
    } else if (kind < 44) {
      return new Step.Accept(vm, vcpu(g), at(g), paged(g, few()), level());
    } else if (kind < 60) {
      // A protected guest of pKVM shares and takes back page by page.
      return new Step.Convert(
          vm, vcpu(g), at(g), paged(g, size()), choose.percent(50), choose.percent(45));
    } else if (kind < 68) {
      return new Step.Punch(vm, at(g), size());
    } else if (kind < 74) {
      return new Step.Prefault(vm, vcpu(g), at(g), paged(g, size()));
    } else if (kind < 78) {
      return new Step.Plug(
          vm, choose.of(g.end(), g.end(), g.end() + M2, M2, 0), size(), choose.percent(30));
    } else if (kind < 82) {
      return new Step.Unplug(vm, at(g));
    } else if (kind < 86) {
      return new Step.Move(vm, at(g), choose.of(g.end(), g.end() + M2, 0, M2, 2 * M2, K4));
    } else if (kind < 91) {
      return new Step.Peek(vm, at(g), via());
    } else if (kind < 96) {
      return new Step.Poke(vm, at(g), 1 + choose.below(255));
    } else if (kind < 101) {
      return host(vm, g);
    } else if (kind < 108) {
      return failure(vm, g);
    } else if (kind < 110) {
      return populate(vm, g);
    } else if (kind < 112) {
      return new Step.FinalizeLaunch(vm);
    } else if (kind < 115) {
      finished.remove(vm);
      return new Step.Reboot(vm);
    } else if (kind < 118) {
      finished.remove(vm);
      return new Step.Teardown(vm, choose.percent(40));
    }
    return new Step.Stats(vm);
  }

  private Step host(int vm, Guest g) {
    return switch (choose.below(5)) {
      case 0 -> new Step.Pin(vm, at(g), size());
      case 1, 2 -> new Step.Unpin(vm);
      case 3 -> new Step.CloseMemory(vm);
      default -> new Step.GuestMode(vm, vcpu(g), choose.percent(50));
    };
  }

  private Step failure(int vm, Guest g) {
    if (!faults) {
      return new Step.Read(vm, vcpu(g), place(g), false);
    }
    if (choose.percent(35)) {
      taken = true;
      return new Step.TakeMemory(choose.of(0, 1, 2, 3, 5, 8, 16));
    }
    TrustedOperation at = one(List.of(TrustedOperation.values()));
    TrustedFault.How how = one(List.of(TrustedFault.How.values()));
    return new Step.FirmwareFail(TrustedFault.at(at, how, 1 + choose.below(3)));
  }

  private Step populate(int vm, Guest g) {
    return new Step.Populate(vm, at(g), paged(g, few()), choose.below(256), choose.percent(80));
  }

  private int vcpu(Guest g) {
    int there = g.machine().vcpuFds().size();
    return there == 0 ? 0 : choose.below(there);
  }

  /** Where a byte is; a little off the beginning of its page at times. */
  private long place(Guest g) {
    return at(g) + choose.of(0, 0, 0, 0, 1, 0xfff);
  }

  private long at(Guest g) {
    long end = g.end();
    if (choose.percent(5)) {
      return choose.of(end, end + M2, 0x800, -K4, 1L << 40);
    }
    long at =
        choose.below((int) (Math.max(end, 1) / M2) + 1) * M2 + choose.of(0, 0, K4, M2 - K4, 8 * K4);
    return at < end || end == 0 ? at : end - K4;
  }

  private long size() {
    if (choose.percent(4)) {
      return choose.of(0, 0x800, -K4, 1L << 41);
    }
    return choose.of(K4, K4, K4, 2 * K4, M2, M2, M2 + K4, 2 * M2, 16 * K4);
  }

  /** As {@link #size}, for what is done page by page: seldom many pages. */
  private long few() {
    return choose.percent(12) ? size() : choose.of(K4, K4, K4, 2 * K4, 3 * K4, 16 * K4);
  }

  /**
   * A size for what is done page by page until the memory ends: all of a VM whose memory is small,
   * a few pages of one that was given terabytes.
   */
  private static long paged(Guest g, long size) {
    return g.end() > MANY_PAGES && size > MANY_PAGES ? 2 * M2 : size;
  }

  private @Nullable PageLevel level() {
    return choose.percent(70)
        ? null
        : choose.percent(80)
            ? PageLevel.PG_2M
            : choose.percent(50) ? PageLevel.PG_4K : PageLevel.PG_1G;
  }

  private <T> T one(List<T> of) {
    return of.get(choose.below(of.size()));
  }

  private Step.Via via() {
    return one(List.of(Step.Via.values()));
  }
}
