package dev.cocovisor.script.random;

import dev.cocovisor.script.scenario.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Makes the shortest program that still shows a trouble: steps are left out, in halves first and
 * one by one at last, then settings, then numbers become small ones.
 */
final class StepShrinker {
  private final Predicate<RandomProgram> fails;
  private int left;

  /**
   * @param fails tells whether a program still shows the trouble
   * @param most how many programs may be tried
   */
  StepShrinker(Predicate<RandomProgram> fails, int most) {
    this.fails = fails;
    this.left = most;
  }

  /** Returns the shortest program found; one that fails is given. */
  RandomProgram shrink(RandomProgram program) {
    RandomProgram least = program;
    RandomProgram before;
    do {
      before = least;
      least = settings(numbers(steps(least)));
    } while (!before.equals(least) && left > 0);
    return least;
  }

  private boolean still(RandomProgram p) {
    return left-- > 0 && fails.test(p);
  }

  private RandomProgram steps(RandomProgram program) {
    RandomProgram least = program;
    for (int size = Math.max(1, least.steps().size() / 2); ; size /= 2) {
      for (int from = Math.max(0, least.steps().size() - size); from >= 0; from -= size) {
        int to = Math.min(from + size, least.steps().size());
        if (from < to) {
          RandomProgram shorter = least.withSteps(without(least.steps(), from, to));
          least = still(shorter) ? shorter : least;
        }
        if (from > 0 && from < size) {
          from = size;
        }
      }
      if (size <= 1) {
        return least;
      }
    }
  }

  /** Leaves steps out; those of a VM whose launch goes leave with it, later VMs move up. */
  static List<Step> without(List<Step> steps, int from, int to) {
    Map<Integer, Integer> names = new HashMap<>();
    List<Step> rest = new ArrayList<>();
    int launched = 0;
    int kept = 0;
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      boolean out = i >= from && i < to;
      if (step instanceof Step.Launch l) {
        launched++;
        out |= l.from() != 0 && !names.containsKey(l.from());
        if (!out) {
          names.put(launched, ++kept);
        }
      }
      Step renamed = out ? null : StepRewrite.renamed(step, names);
      if (renamed != null) {
        rest.add(renamed);
      }
    }
    return rest;
  }

  private RandomProgram settings(RandomProgram program) {
    RandomProgram least = program;
    for (String name : program.settings().keySet()) {
      Map<String, String> fewer = new HashMap<>(least.settings());
      fewer.remove(name);
      RandomProgram plainer = least.withSettings(fewer);
      least = still(plainer) ? plainer : least;
    }
    if (least.memory() != 0) {
      var plainer = new RandomProgram(least.technology(), least.settings(), 0, least.steps());
      least = still(plainer) ? plainer : least;
    }
    return least;
  }

  private RandomProgram numbers(RandomProgram program) {
    RandomProgram least = program;
    for (int i = 0; i < least.steps().size(); i++) {
      for (Step plainer : StepRewrite.plainer(least.steps().get(i))) {
        List<Step> steps = new ArrayList<>(least.steps());
        steps.set(i, plainer);
        RandomProgram next = least.withSteps(steps);
        if (still(next)) {
          least = next;
          break;
        }
      }
    }
    return least;
  }
}
