package dev.cocovisor.cca.rmm.v2;

import static dev.cocovisor.cca.rmm.v2.ConditionTable.PAGE;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.UNTRACKED;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.activate;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.all;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.argument;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.enter;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.input;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.notA;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.notNs;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.other;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.run.RsiCall;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Call;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Command;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Condition;
import java.util.ArrayList;
import java.util.List;

/** What the commands on the RMM, realms, RECs and open operations look at, in their order. */
final class LifeConditions {
  private static final int S2SZ = 0x8;
  private static final int BREAKPOINTS = 0x18;
  private static final int HASH = 0x30;
  private static final int PLANES = 0x38;
  private static final int ATS_PLANE = 0x440;
  private static final int RTT_BASE = 0x808;
  private static final int START_LEVEL = 0x810;
  private static final int NUM_START = 0x818;
  private static final int FLAGS1 = 0x820;

  private LifeConditions() {}

  private static Condition parameter(String name, int at, long value) {
    return input(name, "params", c -> c.b.memory.writeLong(c.args[1] + at, value));
  }

  private static void newRealm(Call c) {
    long params = c.b.ns();
    long[] none = new long[RealmParams2.MAX_AUX_PLANES];
    new RealmParams2(
            0,
            39,
            0,
            1,
            1,
            0,
            0,
            0,
            new byte[RealmParams.RPV_BYTES],
            0,
            c.b.delegated(),
            1,
            1,
            0,
            none)
        .write(c.b.memory, params);
    c.args(c.b.delegated(), params);
  }

  private static List<Condition> parameters() {
    return List.of(
        parameter("SVE", 0, 2),
        parameter("PMU", 0, 4),
        parameter("MEC policy 2", 0, 2 << 7),
        parameter("s2sz 31", S2SZ, 31),
        parameter("s2sz 49", S2SZ, 49),
        parameter("two breakpoints", BREAKPOINTS, 2),
        parameter("hash 3", HASH, 3),
        parameter("four planes", PLANES, 4),
        parameter("planes without a tree each", PLANES, 1),
        parameter("ATS of no plane", ATS_PLANE, 1),
        parameter("start level 3", START_LEVEL, 3),
        parameter("two roots", NUM_START, 2),
        parameter("indirect S2AP", FLAGS1, 2),
        parameter("root unaligned", RTT_BASE, 0x8000_0008L),
        parameter("root not delegated", RTT_BASE, 0x80ff_f000L));
  }

  private static void opened(Call c) {
    c.b.call(Rmi2Command.REC_CREATE, 0, c.b.delegated(), 0);
    c.arg(0, c.b.pe.x1());
  }

  /** A list of one descriptor, in a page of its own. */
  private static long list(Call c, long descriptor) {
    long list = c.b.ns();
    c.b.memory.writeLong(list, descriptor);
    return list;
  }

  private static Condition granted(
      String name, long status, java.util.function.ToLongFunction<Call> descriptor) {
    return other(name, "list", status, c -> c.arg(1, list(c, descriptor.applyAsLong(c))));
  }

  private static void psciPending(Call c) {
    c.rec = c.b.rec(c.rd, 0);
    long target = c.b.rec(c.rd, 1);
    activate(c);
    enter(c);
    var _ = c.b.rmm.realmSide().call(c.b.pe, c.rec, RsiCall.PSCI_AFFINITY_INFO.fid(), 1, 0);
    c.args(c.rec, target, 0);
  }

  static List<Command> commands() {
    List<Command> all = new ArrayList<>(rmm());
    all.addAll(realms());
    all.addAll(operations());
    return all;
  }

  private static List<Command> rmm() {
    return List.of(
        new Command(
            Rmi2Command.VERSION,
            0,
            c -> c.arg(0, 0x20000),
            argument(0, "version", 0, 0x10000, 0x20001, -1)),
        new Command(Rmi2Command.FEATURES, 0, c -> c.arg(0, -1), List.of()),
        new Command(Rmi2Command.RMM_ACTIVATE, Status.ERROR_GLOBAL, c -> {}, List.of()),
        new Command(Rmi2Command.RMM_CONFIG_SET, Status.ERROR_GLOBAL, c -> {}, List.of()),
        new Command(
            Rmi2Command.RMM_CONFIG_GET,
            0,
            c -> c.arg(0, c.b.ns()),
            all(argument(0, "page", 0), notNs(0, "page"))),
        new Command(
            Rmi2Command.GRANULE_TRACKING_GET,
            0,
            c -> c.args(0x8000_0000L, 0x8000_0000L + PAGE),
            List.of(
                input("start unaligned", "range", c -> c.arg(0, 0x8000_0008L)),
                input("end unaligned", "range", c -> c.arg(1, 0x8000_1008L)),
                input("empty", "range", c -> c.arg(1, c.args[0])),
                input("end before start", "range", c -> c.arg(1, 0)),
                input("beyond memory", "range", c -> c.args(1L << 48, (1L << 48) + PAGE)))),
        new Command(
            Rmi2Command.GPT_L1_CREATE,
            Status.ERROR_GPT,
            c -> c.arg(0, 0x8000_0000L),
            argument(0, "address", PAGE, 1, -1)),
        new Command(
            Rmi2Command.GRANULE_RANGE_UNDELEGATE,
            0,
            c -> {
              long g = c.b.delegated();
              c.args(g, g + PAGE);
            },
            List.of(
                input("base unaligned", "range", c -> c.arg(0, c.args[0] + 8)),
                input("top unaligned", "range", c -> c.arg(1, c.args[1] + 8)),
                input("empty", "range", c -> c.arg(1, c.args[0])),
                input("a realm's", "base", c -> c.args(c.rd, c.rd + PAGE)),
                input("untracked", "base", c -> c.args(UNTRACKED, UNTRACKED + PAGE)))));
  }

  private static List<Command> realms() {
    return List.of(
        new Command(
            Rmi2Command.REALM_CREATE,
            0,
            LifeConditions::newRealm,
            all(
                notNs(1, "params"),
                parameters(),
                List.of(input("rd NS", "x0", c -> c.arg(0, c.b.ns()))),
                argument(0, "rd", UNTRACKED))),
        new Command(
            Rmi2Command.REC_ENTER,
            0,
            c -> {
              c.rec = c.b.rec(c.rd, 0);
              activate(c);
              c.args(c.rec, c.b.ns());
            },
            all(
                notNs(1, "run"),
                notA(0, "rec"),
                List.of(
                    other("running", "run", Status.ERROR_REC, ConditionTable::enter),
                    other("terminated", "state", Status.ERROR_REALM, ConditionTable::terminate)))),
        new Command(
            Rmi2Command.PSCI_COMPLETE,
            0,
            LifeConditions::psciPending,
            all(
                List.of(input("one REC twice", "x1", c -> c.arg(1, c.args[0]))),
                notA(0, "calling"),
                notA(1, "target"),
                argument(2, "status", 1, -1, -2))));
  }

  private static List<Command> operations() {
    return List.of(
        new Command(
            Rmi2Command.OP_MEM_DONATE,
            Status.INCOMPLETE,
            c -> {
              opened(c);
              c.arg(1, list(c, Block.of(c.b.delegated(16, PAGE), 3, 16, 0)));
              c.arg(2, 1);
            },
            all(
                argument(0, "handle", 1, 159, 160, -1),
                List.of(
                    input("list unaligned", "x1", c -> c.arg(1, c.args[1] + 4)),
                    input("list in delegated memory", "x1", c -> c.arg(1, c.b.delegated())),
                    granted(
                        "not delegated by its mark",
                        Status.ERROR_INPUT,
                        c -> Block.of(c.b.delegated(16, PAGE), 3, 16, Block.UNDELEGATED)),
                    granted(
                        "more than is wanted",
                        Status.ERROR_INPUT,
                        c -> Block.of(c.b.delegated(17, PAGE), 3, 17, 0))))),
        new Command(
            Rmi2Command.OP_MEM_RECLAIM,
            Status.INCOMPLETE,
            c -> {
              c.rec = c.b.rec(c.rd, 0);
              c.b.call(Rmi2Command.REC_DESTROY, c.rec);
              c.args(c.b.pe.x1(), c.b.ns(), 512);
            },
            all(
                argument(0, "handle", 1, 159, 160, -1),
                List.of(input("list unaligned", "x1", c -> c.arg(1, c.args[1] + 4))))),
        new Command(
            Rmi2Command.OP_CANCEL,
            Status.ERROR_INPUT,
            LifeConditions::opened,
            argument(0, "handle", 1, 159, 160, -1)));
  }
}
