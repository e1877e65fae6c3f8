package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The commands of RMI 2.0 with the conditions that make each fail, in the order in which it checks
 * them. Conditions with the same slot exclude each other.
 */
// facts: TF-RMM 9a7f8ef4, runtime/rmi, as told in the recording's command table.
final class ConditionTable {
  static final long UNTRACKED = 0x1000;
  static final long IPA = 0x20_0000;
  static final long SHARED = Bench2.SHARED;
  static final long PAGE = Bench2.PAGE;
  static final long PROTECTED_END = 1L << 38;
  static final long SPACE_END = 1L << 39;

  /** A call about to be made, in a machine where it would succeed. */
  static final class Call {
    final Bench2 b = new Bench2();
    final long rd = b.realm(1);
    final long[] args = new long[5];
    long rec;

    void arg(int i, long v) {
      args[i] = v;
    }

    void args(long... values) {
      System.arraycopy(values, 0, args, 0, values.length);
    }

    long ok(Rmi2Command command, long... operands) {
      Bench2.ok(b.call(command, operands));
      return b.pe.x1();
    }
  }

  record Condition(String name, String slot, long status, Consumer<Call> apply) {}

  record Command(
      Rmi2Command command, long success, Consumer<Call> setUp, List<Condition> conditions) {}

  private ConditionTable() {}

  static Condition input(String name, String slot, Consumer<Call> apply) {
    return new Condition(name, slot, Status.ERROR_INPUT, apply);
  }

  static Condition other(String name, String slot, long status, Consumer<Call> apply) {
    return new Condition(name, slot, status, apply);
  }

  static List<Condition> argument(int i, String name, long... bad) {
    List<Condition> conditions = new ArrayList<>();
    for (long v : bad) {
      conditions.add(input(name + "=" + Long.toHexString(v), "x" + i, c -> c.arg(i, v)));
    }
    return conditions;
  }

  /** An argument that should be a granule in some role: unaligned, untracked or of another role. */
  static List<Condition> notA(int i, String name) {
    List<Condition> conditions = new ArrayList<>(argument(i, name, UNTRACKED));
    conditions.add(input(name + " unaligned", "x" + i, c -> c.arg(i, c.args[i] + 8)));
    conditions.add(input(name + " NS", "x" + i, c -> c.arg(i, c.b.ns())));
    return conditions;
  }

  static List<Condition> notNs(int i, String name) {
    List<Condition> conditions = new ArrayList<>(argument(i, name, UNTRACKED));
    conditions.add(input(name + " unaligned", "x" + i, c -> c.arg(i, c.args[i] + 4)));
    conditions.add(input(name + " delegated", "x" + i, c -> c.arg(i, c.b.delegated())));
    return conditions;
  }

  @SafeVarargs
  @SuppressWarnings("varargs") // the array is only read
  static List<Condition> all(List<Condition>... parts) {
    return Arrays.stream(parts).flatMap(List::stream).toList();
  }

  static List<Condition> full() {
    return List.of(
        other(
            "every place is taken",
            "places",
            Status.BLOCKED,
            c -> {
              for (int i = 0; i < Operations.PLACES; i++) {
                if (c.b.rmm.openOperations().find(i) == null) {
                  c.b.call(Rmi2Command.REC_CREATE, 0, c.b.delegated(), 0);
                }
              }
            }));
  }

  static void activate(Call c) {
    long _ = c.ok(Rmi2Command.REALM_ACTIVATE, c.rd);
  }

  static void terminate(Call c) {
    long _ = c.ok(Rmi2Command.REALM_TERMINATE, c.rd);
  }

  private static final List<Condition> ACTIVE =
      List.of(other("active", "state", Status.ERROR_REALM, ConditionTable::activate));

  static final List<Condition> ZOMBIE =
      List.of(other("terminated", "state", Status.ERROR_REALM, ConditionTable::terminate));

  static void enter(Call c) {
    long run = c.b.ns();
    long _ = c.ok(Rmi2Command.REC_ENTER, c.rec, run);
  }

  private static void pendingRipas(Call c) {
    c.rec = c.b.rec(c.rd, 0);
    activate(c);
    enter(c);
    var _ =
        c.b
            .rmm
            .realmSide()
            .call(c.b.pe, c.rec, RsiCall.RSI_IPA_STATE_SET.fid(), IPA, IPA + 4 * PAGE, 1, 0);
  }

  static long page(long pa) {
    return Block.of(pa, 3, 1, 0);
  }

  /** Returns every command that looks at anything. */
  static List<Command> commands() {
    return Stream.of(central(), TreeConditions.commands(), LifeConditions.commands())
        .flatMap(List::stream)
        .toList();
  }

  private static List<Command> central() {
    return List.of(
        new Command(
            Rmi2Command.GRANULE_RANGE_DELEGATE,
            0,
            c -> {
              long g = c.b.ns();
              c.args(g, g + PAGE);
            },
            all(
                List.of(
                    input("base unaligned", "range", c -> c.arg(0, c.args[0] + 8)),
                    input("top unaligned", "range", c -> c.arg(1, c.args[1] + 8)),
                    input("empty", "range", c -> c.arg(1, c.args[0])),
                    input("delegated", "base", c -> c.args(c.rd, c.rd + PAGE)),
                    input("untracked", "base", c -> c.args(UNTRACKED, UNTRACKED + PAGE))))),
        new Command(Rmi2Command.REALM_ACTIVATE, 0, c -> c.arg(0, c.rd), all(notA(0, "rd"), ACTIVE)),
        new Command(
            Rmi2Command.REALM_TERMINATE,
            0,
            c -> c.arg(0, c.rd),
            all(
                notA(0, "rd"),
                List.of(
                    other(
                        "a REC runs",
                        "rec",
                        Status.ERROR_REALM,
                        c -> {
                          c.rec = c.b.rec(c.rd, 0);
                          activate(c);
                          enter(c);
                        })))),
        new Command(
            Rmi2Command.REALM_DESTROY,
            0,
            c -> {
              c.arg(0, c.rd);
              terminate(c);
            },
            all(
                notA(0, "rd"),
                List.of(
                    other("has a table", "rtt", Status.ERROR_REALM, c -> c.b.tables(c.rd, 0, 2))))),
        new Command(
            Rmi2Command.REC_CREATE,
            Status.DONATE,
            c -> c.args(c.rd, c.b.delegated(), c.b.recParams(0)),
            all(notA(1, "rec"), full())),
        new Command(
            Rmi2Command.REC_DESTROY,
            Status.RECLAIM,
            c -> {
              c.rec = c.b.rec(c.rd, 0);
              c.arg(0, c.rec);
            },
            all(
                full(),
                notA(0, "rec"),
                List.of(
                    other(
                        "running",
                        "run",
                        Status.ERROR_REC,
                        c -> {
                          activate(c);
                          enter(c);
                        })))),
        new Command(
            Rmi2Command.RTT_CREATE,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 2);
              c.args(c.rd, c.b.delegated(), IPA, 3);
            },
            all(
                notA(1, "rtt"),
                notA(0, "rd"),
                argument(3, "level", 1, 4, -1),
                argument(2, "ipa", IPA + PAGE, SPACE_END, -PAGE),
                List.of(
                    other("no table", "x2", Status.rtt(1), c -> c.arg(2, 1L << 30)),
                    other("there", "entry", Status.rtt(2), c -> c.b.tables(c.rd, IPA, 3))))),
        new Command(
            Rmi2Command.RTT_DATA_MAP_INIT,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              c.args(c.rd, c.b.delegated(), IPA, c.b.ns(), 1);
            },
            all(
                argument(4, "flags", 2, -1),
                List.of(input("data is rd", "x1", c -> c.arg(1, c.rd))),
                notNs(3, "source"),
                notA(0, "rd"),
                ACTIVE,
                argument(2, "ipa", IPA + 8, PROTECTED_END, SPACE_END, -PAGE),
                List.of(
                    other("no table", "x2", Status.rtt(2), c -> c.arg(2, 0)),
                    other("assigned", "entry", Status.rtt(3), c -> c.b.map(c.rd, IPA, 1))),
                notA(1, "data"))),
        new Command(
            Rmi2Command.RTT_DATA_MAP,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              c.args(c.rd, IPA, IPA + PAGE, Bench2.SINGLE, page(c.b.delegated()));
            },
            all(
                full(),
                notA(0, "rd"),
                ZOMBIE,
                List.of(
                    input("top <= base", "x2", c -> c.arg(2, IPA)),
                    input("type 0", "x3", c -> c.arg(3, 0)),
                    input("type 3", "x3", c -> c.arg(3, 3)),
                    input("list in delegated memory", "x3", c -> c.arg(3, 2 | 1 << 2)),
                    input("not delegated", "x4", c -> c.arg(4, c.args[4] | Block.UNDELEGATED)),
                    input("base unaligned", "x1", c -> c.arg(1, IPA - 8)),
                    input("shared half", "range", c -> c.args(c.args[0], SHARED, SHARED + PAGE)),
                    other(
                        "smaller than a block",
                        "x4",
                        Status.rtt(2),
                        c -> c.arg(4, Block.of(c.b.delegated(1, Bench2.MB2), 2, 1, 0))),
                    other("no table", "range", Status.rtt(2), c -> c.args(c.args[0], 0, PAGE)),
                    input("empty descriptor", "x4", c -> c.arg(4, c.args[4] & ~0xffcL)),
                    input("beyond 48 bits", "x4", c -> c.arg(4, page(1L << 48))),
                    other("assigned", "entry", Status.rtt(3), c -> c.b.map(c.rd, IPA, 1)),
                    input("granule NS", "x4", c -> c.arg(4, page(c.b.ns())))))),
        new Command(
            Rmi2Command.RTT_DATA_UNMAP,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              long _ = c.b.map(c.rd, IPA, 2);
              c.args(c.rd, IPA, IPA + 2 * PAGE, Bench2.SINGLE, 0);
            },
            all(
                full(),
                notA(0, "rd"),
                List.of(
                    input("base unaligned", "x1", c -> c.arg(1, IPA + 8)),
                    input("top <= base", "x2", c -> c.arg(2, IPA)),
                    input("beyond the space", "x2", c -> c.arg(2, SPACE_END + PAGE)),
                    input("half of it shared", "x2", c -> c.arg(2, SHARED + PAGE)),
                    input("list of none", "x4", c -> c.arg(4, PAGE)),
                    input("type 3", "x3", c -> c.arg(3, 3)),
                    other(
                        "base inside an entry",
                        "range",
                        Status.rtt(2),
                        c -> c.args(c.args[0], PAGE, 2 * PAGE))))),
        new Command(
            Rmi2Command.RTT_UNPROT_MAP,
            0,
            c -> {
              c.b.tables(c.rd, SHARED, 3);
              c.args(c.rd, SHARED, SHARED + PAGE, Bench2.SINGLE | 3 << 19, page(0x4000_0000L));
            },
            all(
                notA(0, "rd"),
                ZOMBIE,
                List.of(
                    input("top <= base", "x2", c -> c.arg(2, SHARED)),
                    input("type 0", "x3", c -> c.arg(3, 0)),
                    input("protected half", "range", c -> c.args(c.args[0], IPA, IPA + PAGE)),
                    other(
                        "smaller than a block",
                        "x4",
                        Status.rtt(2),
                        c -> c.arg(4, Block.of(0x4000_0000L, 2, 1, 0))),
                    input("indirect S2AP", "x3", c -> c.arg(3, Bench2.SINGLE | 4 << 19)),
                    other(
                        "no table",
                        "range",
                        Status.rtt(1),
                        c -> c.args(c.args[0], SHARED + (1L << 30), SHARED + (1L << 30) + PAGE)),
                    input("beyond 48 bits", "x4", c -> c.arg(4, page(1L << 48))),
                    input("MemAttr 4", "x3", c -> c.arg(3, Bench2.SINGLE | 4 << 16)),
                    other(
                        "other memory",
                        "entry",
                        Status.rtt(3),
                        c ->
                            c.ok(
                                Rmi2Command.RTT_UNPROT_MAP,
                                c.rd,
                                SHARED,
                                SHARED + PAGE,
                                Bench2.SINGLE,
                                page(0x5000_0000L)))))),
        new Command(
            Rmi2Command.RTT_INIT_RIPAS,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              c.args(c.rd, IPA, IPA + PAGE);
            },
            all(
                List.of(input("top <= base", "x2", c -> c.arg(2, 0))),
                notA(0, "rd"),
                List.of(
                    input("top unaligned", "x2", c -> c.arg(2, IPA + PAGE + 8)),
                    input("leaves the half", "x2", c -> c.arg(2, PROTECTED_END + PAGE))),
                ACTIVE,
                List.of(
                    other(
                        "base inside an entry",
                        "range",
                        Status.rtt(2),
                        c -> c.args(c.args[0], PAGE, 2 * PAGE))))),
        new Command(
            Rmi2Command.RTT_SET_RIPAS,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              pendingRipas(c);
              c.args(c.rd, c.rec, IPA, IPA + 4 * PAGE);
            },
            all(
                List.of(
                    input("top <= base", "x3", c -> c.arg(3, 0)),
                    input("top unaligned", "x3", c -> c.arg(3, IPA + 0x3800))),
                notA(0, "rd"),
                notA(1, "rec"),
                List.of(
                    other("running", "run", Status.ERROR_REC, ConditionTable::enter),
                    other("other realm's", "x0", Status.ERROR_REC, c -> c.arg(0, c.b.realm(0))),
                    input("base", "x2", c -> c.arg(2, IPA + PAGE)),
                    input("top", "x3", c -> c.arg(3, IPA + 5 * PAGE))))),
        new Command(
            Rmi2Command.RTT_AUX_CREATE,
            0,
            c -> c.args(c.rd, c.b.delegated(), 0, 2, 1),
            all(
                notA(1, "rtt"),
                notA(0, "rd"),
                argument(3, "level", 1, 4),
                argument(4, "tree", 0, 2, -1),
                argument(2, "ipa", PAGE, SHARED, SPACE_END),
                List.of(
                    other(
                        "there",
                        "entry",
                        Status.pack(Status.ERROR_RTT_AUX, 1),
                        c -> c.ok(Rmi2Command.RTT_AUX_CREATE, c.rd, c.b.delegated(), 0, 2, 1))))),
        new Command(
            Rmi2Command.RTT_AUX_MAP_PROTECTED,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              long _ = c.ok(Rmi2Command.RTT_DATA_MAP_INIT, c.rd, c.b.delegated(), IPA, c.b.ns(), 0);
              for (int level = 2; level <= 3; level++) {
                long at = level == 2 ? 0 : IPA;
                long _ = c.ok(Rmi2Command.RTT_AUX_CREATE, c.rd, c.b.delegated(), at, level, 1);
              }
              c.args(c.rd, IPA, 1);
            },
            all(
                notA(0, "rd"),
                ZOMBIE,
                argument(1, "ipa", IPA + 8, SHARED, SPACE_END),
                argument(2, "tree", 0, 2, -1),
                List.of(other("nothing there", "x1", Status.rtt(3), c -> c.arg(1, IPA + PAGE))))),
        new Command(
            Rmi2Command.OP_CONTINUE,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              long status =
                  c.b.interrupted(
                      1,
                      Rmi2Command.RTT_DATA_MAP,
                      c.rd,
                      IPA,
                      IPA + PAGE,
                      Bench2.SINGLE,
                      page(c.b.delegated()));
              if (status != Status.INCOMPLETE) {
                throw new AssertionError("it ran through");
              }
              c.args(c.b.pe.x1(), 0);
            },
            all(
                argument(0, "handle", 1, 159, 160, -1),
                List.of(
                    input(
                        "waits for memory",
                        "x0",
                        c -> {
                          c.b.call(Rmi2Command.REC_CREATE, 0, c.b.delegated(), 0);
                          c.arg(0, c.b.pe.x1());
                        })))));
  }
}
