package dev.cocovisor.tck;

import dev.cocovisor.tck.rules.Rule;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** All rules of the kit and all backends that break them. */
final class Zoo {
  private static final SortedMap<String, Method> RULES =
      Arrays.stream(BackendTck.class.getMethods())
          .filter(m -> m.isAnnotationPresent(Rule.class))
          .collect(
              Collectors.toMap(
                  m -> m.getAnnotation(Rule.class).id(),
                  m -> m,
                  (a, b) -> {
                    throw new IllegalStateException("two rules are " + a + " and " + b);
                  },
                  TreeMap::new));

  private Zoo() {}

  static SortedMap<String, Method> rules() {
    return RULES;
  }

  static List<Mutant> mutants() {
    return Stream.<Mutant[]>of(
            WrongBackend.values(),
            WrongAtTheEdges.values(),
            WrongInPlace.values(),
            WrongJudge.values())
        .flatMap(Arrays::stream)
        .toList();
  }
}
