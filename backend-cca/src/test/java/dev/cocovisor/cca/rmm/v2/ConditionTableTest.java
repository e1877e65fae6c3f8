package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Call;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Command;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Condition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every command of RMI 2.0 with every condition, alone and with each other one. */
class ConditionTableTest {
  private static List<String> snapshot(Rmm2 rmm) {
    GranuleTable g = rmm.granules();
    List<String> all = new ArrayList<>();
    for (long a = g.nextInUse(0); a >= 0; a = g.nextInUse(a + PageLevel.PAGE_SIZE)) {
      Object role = g.role(g.find(a));
      String content =
          switch (role) {
            case long[] entries -> Integer.toHexString(Arrays.hashCode(entries));
            case Realm realm -> realm.state + realm.rim.hex();
            case null, default -> "";
          };
      all.add(Long.toHexString(a) + g.stateAt(a) + g.countAt(a) + content);
    }
    return all;
  }

  @TestFactory
  Stream<DynamicTest> everyCommandSucceedsWithoutACondition() {
    return ConditionTable.commands().stream()
        .map(k -> DynamicTest.dynamicTest(k.command().name(), () -> expect(k, k.success())));
  }

  @TestFactory
  Stream<DynamicTest> everyConditionAloneFailsItsCommandAndChangesNothing() {
    return ConditionTable.commands().stream()
        .flatMap(k ->
            k.conditions().stream()
                .map(one ->
                    DynamicTest.dynamicTest(
                        k.command() + ": " + one.name(), () -> expect(k, one.status(), one))));
  }

  @TestFactory
  Stream<DynamicTest> ofTwoConditionsTheEarlierDecides() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Command k : ConditionTable.commands()) {
      for (int i = 0; i < k.conditions().size(); i++) {
        for (int j = i + 1; j < k.conditions().size(); j++) {
          Condition a = k.conditions().get(i);
          Condition b = k.conditions().get(j);
          if (compatible(a, b)) {
            tests.add(
                DynamicTest.dynamicTest(
                    k.command() + ": " + a.name() + ", " + b.name(),
                    () -> expect(k, a.status(), b, a)));
          }
        }
      }
    }
    assertThat(tests).hasSizeGreaterThan(700);
    return tests.stream();
  }

  /** Conditions on one thing exclude each other; a range is both of its ends, and its place. */
  private static boolean compatible(Condition a, Condition b) {
    return !a.slot().equals(b.slot())
        && !(isPlace(a) && isPlace(b))
        && !(a.slot().equals("run") || b.slot().equals("run"));
  }

  private static boolean isPlace(Condition c) {
    return List.of("x1", "x2", "x3", "x4", "range", "entry", "base").contains(c.slot());
  }

  private static void expect(Command k, long status, Condition... conditions) {
    Call c = new Call();
    k.setUp().accept(c);
    for (Condition condition : conditions) {
      condition.apply().accept(c);
    }
    List<String> before = snapshot(c.b.rmm);
    long x0 = c.b.rmm.call(c.b.pe, k.command().number(), c.args);
    assertThat(Status.name(x0)).isEqualTo(Status.name(status));
    if (status != k.success()) {
      assertThat(snapshot(c.b.rmm)).as("a failed call changes nothing").isEqualTo(before);
      assertThat(c.b.pe.cause()).as("the cause").isNotEmpty();
    }
    c.b.check();
  }
}
