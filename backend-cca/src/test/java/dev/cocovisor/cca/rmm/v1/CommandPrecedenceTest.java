package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every RMI command with every condition that makes it fail, alone and with each other one.
 *
 * <p>A command's conditions are listed in the order in which it checks them, so of two that hold
 * the earlier decides the status. Conditions on the same thing (one argument, the realm's state)
 * exclude each other and are not paired.
 */
class CommandPrecedenceTest {
  private static final long UNTRACKED = 0x1000;
  private static final long IPA = 0x20_0000;

  /** A call about to be made, in a machine where it would succeed. */
  private static final class Call {
    final Bench b = new Bench();
    final long rd = b.realm();
    final long[] args = new long[5];

    void arg(int i, long v) {
      args[i] = v;
    }
  }

  private record Condition(String name, String slot, long status, Consumer<Call> apply) {}

  private record Command(RmiCommand command, Consumer<Call> setUp, List<Condition> conditions) {}

  private static Condition input(String name, String slot, Consumer<Call> apply) {
    return new Condition(name, slot, Status.ERROR_INPUT, apply);
  }

  private static Condition other(String name, String slot, long status, Consumer<Call> apply) {
    return new Condition(name, slot, status, apply);
  }

  private static List<Condition> argument(int i, String name, long... bad) {
    List<Condition> conditions = new ArrayList<>();
    for (long v : bad) {
      conditions.add(input(name + "=" + Long.toHexString(v), "x" + i, c -> c.arg(i, v)));
    }
    return conditions;
  }

  /** An argument that should be a granule of some kind: unaligned, untracked or of another kind. */
  private static List<Condition> notA(int i, String name) {
    List<Condition> conditions = argument(i, name, UNTRACKED);
    conditions.add(input(name + " unaligned", "x" + i, c -> c.arg(i, c.args[i] + 8)));
    conditions.add(input(name + " NS", "x" + i, c -> c.arg(i, c.b.ns())));
    return conditions;
  }

  private static List<Condition> notNs(int i, String name) {
    List<Condition> conditions = argument(i, name, UNTRACKED);
    conditions.add(input(name + " unaligned", "x" + i, c -> c.arg(i, c.args[i] + 8)));
    conditions.add(input(name + " delegated", "x" + i, c -> c.arg(i, c.b.delegated())));
    return conditions;
  }

  @SafeVarargs
  @SuppressWarnings("varargs") // the array is only read
  private static List<Condition> all(List<Condition>... parts) {
    return Arrays.stream(parts).flatMap(List::stream).toList();
  }

  private static void activate(Call c) {
    Bench.ok(c.b.rmm.realmActivate(c.b.pe, c.rd));
  }

  private static Command[] commands() {
    return new Command[] {
      new Command(
          RmiCommand.GRANULE_DELEGATE,
          c -> c.arg(0, c.b.ns()),
          all(argument(0, "addr", UNTRACKED, 0xbfe0_0000L, -4096), notNs(0, "addr"))),
      new Command(
          RmiCommand.GRANULE_UNDELEGATE,
          c -> c.arg(0, c.b.delegated()),
          all(notA(0, "addr"), List.of(input("addr RD", "x0", c -> c.arg(0, c.rd))))),
      new Command(
          RmiCommand.REALM_ACTIVATE,
          c -> c.arg(0, c.rd),
          all(
              notA(0, "rd"),
              List.of(
                  other("active", "state", Status.ERROR_REALM, CommandPrecedenceTest::activate)))),
      new Command(
          RmiCommand.REALM_DESTROY,
          c -> c.arg(0, c.rd),
          all(
              notA(0, "rd"),
              List.of(
                  other("has a REC", "rec", Status.ERROR_REALM, c -> c.b.rec(c.rd, 0)),
                  other("has a table", "rtt", Status.ERROR_REALM, c -> c.b.tables(c.rd, 0, 1))))),
      new Command(RmiCommand.REC_AUX_COUNT, c -> c.arg(0, c.rd), notA(0, "rd")),
      new Command(
          RmiCommand.DATA_CREATE,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, c.b.delegated());
            c.arg(2, IPA);
            c.arg(3, c.b.ns());
            c.arg(4, 1);
          },
          all(
              argument(4, "flags", 2, -1),
              notNs(3, "src"),
              notA(1, "data"),
              notA(0, "rd"),
              List.of(input("data is rd", "x1", c -> c.arg(1, c.rd))),
              List.of(
                  other("active", "state", Status.ERROR_REALM, CommandPrecedenceTest::activate)),
              argument(2, "ipa", IPA + 8, 1L << 47, 1L << 48, -4096),
              List.of(
                  other("no table", "x2", Status.rtt(2), c -> c.arg(2, 0)),
                  other("other table", "x2", Status.rtt(0), c -> c.arg(2, 1L << 46)),
                  other("assigned", "entry", Status.rtt(3), c -> assign(c, IPA))))),
      new Command(
          RmiCommand.DATA_CREATE_UNKNOWN,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, c.b.delegated());
            c.arg(2, IPA);
          },
          all(
              notA(1, "data"),
              notA(0, "rd"),
              argument(2, "ipa", IPA + 8, 1L << 47, 1L << 48, -4096),
              List.of(
                  other("no table", "x2", Status.rtt(2), c -> c.arg(2, 0)),
                  other("assigned", "entry", Status.rtt(3), c -> assign(c, IPA))))),
      new Command(
          RmiCommand.DATA_DESTROY,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            assign(c, IPA);
            c.arg(0, c.rd);
            c.arg(1, IPA);
          },
          all(
              notA(0, "rd"),
              argument(1, "ipa", IPA + 8, 1L << 47, 1L << 48),
              List.of(
                  other("no table", "x1", Status.rtt(2), c -> c.arg(1, 0)),
                  other("unassigned", "x1", Status.rtt(3), c -> c.arg(1, IPA + 4096))))),
      new Command(
          RmiCommand.RTT_CREATE,
          c -> {
            c.b.tables(c.rd, IPA, 2);
            c.arg(0, c.rd);
            c.arg(1, c.b.delegated());
            c.arg(2, IPA);
            c.arg(3, 3);
          },
          all(
              notA(1, "rtt"),
              notA(0, "rd"),
              argument(3, "level", 0, 4, -1, 1L << 32),
              argument(2, "ipa", IPA + 4096, 1L << 48, -Bench.MB2),
              List.of(
                  other("no parent", "x2", Status.rtt(0), c -> c.arg(2, 1L << 46)),
                  other("table there", "entry", Status.rtt(2), c -> c.b.tables(c.rd, IPA, 3))))),
      new Command(
          RmiCommand.RTT_DESTROY,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, IPA);
            c.arg(2, 3);
          },
          all(
              notA(0, "rd"),
              argument(2, "level", 0, 4, -1),
              argument(1, "ipa", IPA + 4096, 1L << 48),
              List.of(
                  other("no table", "x1", Status.rtt(2), c -> c.arg(1, 0)),
                  other("live", "entry", Status.rtt(3), c -> assign(c, IPA))))),
      new Command(
          RmiCommand.RTT_FOLD,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, IPA);
            c.arg(2, 3);
          },
          all(
              notA(0, "rd"),
              argument(2, "level", 0, 4, -1),
              argument(1, "ipa", IPA + 4096, 1L << 48),
              List.of(
                  other("no table", "x1", Status.rtt(2), c -> c.arg(1, 0)),
                  other("mixed", "entry", Status.rtt(3), c -> assign(c, IPA))))),
      new Command(
          RmiCommand.RTT_READ_ENTRY,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, IPA);
            c.arg(2, 3);
          },
          all(notA(0, "rd"), argument(2, "level", 4, -1), argument(1, "ipa", IPA + 8, 1L << 48))),
      new Command(
          RmiCommand.RTT_MAP_UNPROTECTED,
          c -> {
            c.b.tables(c.rd, 1L << 47, 3);
            c.arg(0, c.rd);
            c.arg(1, 1L << 47);
            c.arg(2, 3);
            c.arg(3, 0x1000);
          },
          all(
              argument(2, "level", 0, 4, -1),
              notA(0, "rd"),
              argument(3, "desc", 0x1010, 0x1400, 0x1100, 0x1001, 1L << 48),
              argument(1, "ipa", IPA, (1L << 47) + 8, 1L << 48),
              List.of(
                  other("no table", "x1", Status.rtt(0), c -> c.arg(1, 3L << 46)),
                  other("occupied", "entry", Status.rtt(3), c -> share(c))))),
      new Command(
          RmiCommand.RTT_UNMAP_UNPROTECTED,
          c -> {
            c.b.tables(c.rd, 1L << 47, 3);
            share(c);
            c.arg(0, c.rd);
            c.arg(1, 1L << 47);
            c.arg(2, 3);
          },
          all(
              argument(2, "level", 0, 4, -1),
              notA(0, "rd"),
              argument(1, "ipa", IPA, (1L << 47) + 8, 1L << 48),
              List.of(
                  other("no table", "x1", Status.rtt(0), c -> c.arg(1, 3L << 46)),
                  other("unmapped", "x1", Status.rtt(3), c -> c.arg(1, (1L << 47) + 4096))))),
      new Command(
          RmiCommand.RTT_INIT_RIPAS,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            c.arg(0, c.rd);
            c.arg(1, IPA);
            c.arg(2, IPA + Bench.MB2);
          },
          all(
              List.of(input("top <= base", "x2", c -> c.arg(2, c.args[1]))),
              notA(0, "rd"),
              List.of(
                  input("top unprotected", "x2", c -> c.arg(2, (1L << 47) + 4096)),
                  input("top unaligned", "x2", c -> c.arg(2, IPA + 8)),
                  input("base unaligned", "x1", c -> c.arg(1, IPA + 8)),
                  other("active", "state", Status.ERROR_REALM, CommandPrecedenceTest::activate),
                  other("base in block", "x1", Status.rtt(2), c -> c.arg(1, 0x1000)),
                  other("assigned", "entry", Status.rtt(3), c -> assign(c, IPA))))),
      new Command(
          RmiCommand.REC_CREATE,
          c -> {
            c.arg(0, c.rd);
            c.arg(1, c.b.delegated());
            c.arg(2, c.b.recParams(0, true, c.b.aux()));
          },
          all(
              notNs(2, "params"),
              List.of(
                  input("17 aux", "aux", c -> c.b.memory.writeLong(c.args[2] + 0x800, 17)),
                  input("aux NS", "aux", c -> c.b.memory.writeLong(c.args[2] + 0x810, c.b.ns())),
                  input(
                      "aux twice",
                      "aux",
                      c ->
                          c.b.memory.writeLong(
                              c.args[2] + 0x810, c.b.memory.readLong(c.args[2] + 0x808)))),
              notA(1, "rec"),
              notA(0, "rd"),
              List.of(
                  other("active", "state", Status.ERROR_REALM, CommandPrecedenceTest::activate),
                  input("mpidr", "mpidr", c -> c.b.memory.writeLong(c.args[2] + 0x100, 1)),
                  input("mpidr bits", "mpidr", c -> c.b.memory.writeLong(c.args[2] + 0x100, 0x10)),
                  input("15 aux", "aux count", c -> c.b.memory.writeLong(c.args[2] + 0x800, 15))))),
      new Command(
          RmiCommand.REC_DESTROY,
          c -> c.arg(0, c.b.rec(c.rd, 0)),
          all(
              notA(0, "rec"),
              List.of(other("runs", "run", Status.ERROR_REC, c -> run(c, c.args[0]))))),
      new Command(
          RmiCommand.RTT_SET_RIPAS,
          c -> {
            c.b.tables(c.rd, IPA, 3);
            long rec = c.b.rec(c.rd, 0);
            run(c, rec);
            c.b
                .rmm
                .realmSide()
                .call(c.b.pe, rec, RsiCall.RSI_IPA_STATE_SET.fid(), IPA, IPA + 0x4000, 1, 0);
            c.arg(0, c.rd);
            c.arg(1, rec);
            c.arg(2, IPA);
            c.arg(3, IPA + 0x4000);
          },
          all(
              List.of(input("top <= base", "x3", c -> c.arg(3, 0))),
              notA(0, "rd"),
              notA(1, "rec"),
              List.of(
                  other(
                      "other realm's", "x0", Status.ERROR_REC, c -> c.arg(0, c.b.realm(2, 48, 0))),
                  input("base", "x2", c -> c.arg(2, IPA + 4096)),
                  input("top", "x3", c -> c.arg(3, IPA + 0x5000)),
                  input("top unaligned", "x3", c -> c.arg(3, IPA + 0x3800))))),
    };
  }

  private static void assign(Call c, long ipa) {
    Bench.ok(c.b.rmm.dataCreateUnknown(c.b.pe, c.rd, c.b.delegated(), ipa));
  }

  private static void share(Call c) {
    Bench.ok(c.b.rmm.rttMapUnprotected(c.b.pe, c.rd, 1L << 47, 3, 0x1000));
  }

  private static void run(Call c, long rec) {
    activate(c);
    c.b.enter(rec);
  }

  @TestFactory
  Stream<DynamicTest> everyCommandSucceedsWithoutACondition() {
    return Stream.of(commands())
        .map(k -> DynamicTest.dynamicTest(k.command.name(), () -> expect(k, Status.SUCCESS)));
  }

  @TestFactory
  Stream<DynamicTest> everyConditionAloneFailsItsCommand() {
    return Stream.of(commands())
        .flatMap(k ->
            k.conditions.stream()
                .map(one ->
                    DynamicTest.dynamicTest(
                        k.command + ": " + one.name, () -> expect(k, one.status, one))));
  }

  @TestFactory
  Stream<DynamicTest> ofTwoConditionsTheEarlierDecides() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Command k : commands()) {
      for (int i = 0; i < k.conditions.size(); i++) {
        for (int j = i + 1; j < k.conditions.size(); j++) {
          Condition a = k.conditions.get(i);
          Condition b = k.conditions.get(j);
          if (compatible(a, b)) {
            tests.add(
                DynamicTest.dynamicTest(
                    k.command + ": " + a.name + ", " + b.name, () -> expect(k, a.status, b, a)));
          }
        }
      }
    }
    assertThat(tests).hasSizeGreaterThan(300);
    return tests.stream();
  }

  /** A condition on an entry says nothing where another one moved the call to another address. */
  private static boolean compatible(Condition a, Condition b) {
    return !a.slot.equals(b.slot)
        && !(a.slot.startsWith("x") && b.slot.equals("entry") && isRtt(a));
  }

  private static boolean isRtt(Condition c) {
    return Status.code(c.status) == Status.ERROR_RTT;
  }

  private static void expect(Command k, long status, Condition... conditions) {
    Call c = new Call();
    k.setUp.accept(c);
    for (Condition condition : conditions) {
      condition.apply.accept(c);
    }
    Snapshot before = Snapshot.of(c.b.rmm);
    long x0 = c.b.rmm.call(c.b.pe, k.command.number(), c.args);
    assertThat(Long.toHexString(x0)).isEqualTo(Long.toHexString(status));
    if (status != Status.SUCCESS) {
      assertThat(Snapshot.of(c.b.rmm)).as("a failed call changes nothing").isEqualTo(before);
    }
    c.b.check();
  }
}
