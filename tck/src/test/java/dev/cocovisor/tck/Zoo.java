package dev.cocovisor.tck;

import dev.cocovisor.tck.vault.Flaw;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.stream.Stream;

/** All rules of the kit and all backends that break them. */
final class Zoo {
  private Zoo() {}

  static SortedMap<String, Method> rules() {
    return RuleList.all();
  }

  static List<Mutant> mutants() {
    return Stream.<Mutant[]>of(
            WrongBackend.values(),
            WrongAtTheEdges.values(),
            WrongInPlace.values(),
            WrongJudge.values(),
            Flaw.values())
        .flatMap(Arrays::stream)
        .toList();
  }
}
