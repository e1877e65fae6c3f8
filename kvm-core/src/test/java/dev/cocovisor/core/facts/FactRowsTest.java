package dev.cocovisor.core.facts;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** Every row of facts §3.1 to §3.6 and §3.8 has a test whose name begins with the row's id. */
class FactRowsTest {
  private static final List<String> TESTS =
      List.of(
          "facts.GuestMemfdFactsTest",
          "facts.MemoryRegionFactsTest",
          "facts.ConversionFactsTest",
          "facts.ExitAndPreFaultFactsTest",
          "facts.MapMemoryFactsTest",
          "facts.ErrorRuleFactsTest",
          "vm.MirroredHooksTest");

  private static final Pattern ID = Pattern.compile("(s3[68]_\\d+|[grcxp]\\d+)_");

  private static Stream<String> numbered(String prefix, int last) {
    return IntStream.rangeClosed(1, last).mapToObj(i -> prefix + i);
  }

  private static Set<String> rows() {
    var rows = new TreeSet<String>();
    // §3.1 guest_memfd_test, §3.2 set_memory_region_test, §3.3 private_mem_conversions_test,
    // §3.4 private_mem_kvm_exits_test, §3.5 pre_fault_memory_test, §3.6, §3.8.
    Stream.of(
            numbered("g", 20),
            numbered("r", 20),
            numbered("c", 8),
            numbered("x", 2),
            numbered("p", 6),
            numbered("s36_", 4),
            numbered("s38_", 14))
        .forEach(s -> s.forEach(rows::add));
    return rows;
  }

  /** The ids that the names of test methods begin with, and those methods. */
  private static Map<String, Set<String>> tested() throws ClassNotFoundException {
    var tested = new TreeMap<String, Set<String>>();
    for (String test : TESTS) {
      Class<?> c = Class.forName("dev.cocovisor.core." + test);
      for (Method m : c.getDeclaredMethods()) {
        boolean isTest =
            m.isAnnotationPresent(Test.class) || m.isAnnotationPresent(ParameterizedTest.class);
        String name = m.getName().toLowerCase(Locale.ROOT);
        var id = ID.matcher(name);
        for (int at = 0; isTest && id.find(at) && id.start() == at; at = id.end()) {
          tested
              .computeIfAbsent(id.group(1), _ -> new TreeSet<>())
              .add(c.getSimpleName() + "." + m.getName());
        }
      }
    }
    return tested;
  }

  @Test
  void everyRowHasATestAndEveryIdIsARow() throws ClassNotFoundException {
    assertThat(rows()).hasSize(74);
    assertThat(tested().keySet()).containsExactlyElementsOf(rows());
  }
}
