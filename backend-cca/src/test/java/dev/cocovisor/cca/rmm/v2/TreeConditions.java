package dev.cocovisor.cca.rmm.v2;

import static dev.cocovisor.cca.rmm.v2.ConditionTable.IPA;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.PAGE;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.PROTECTED_END;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.SHARED;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.SPACE_END;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.ZOMBIE;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.activate;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.all;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.argument;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.enter;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.full;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.input;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.notA;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.other;
import static dev.cocovisor.cca.rmm.v2.ConditionTable.page;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.run.RsiCall;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Call;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Command;
import dev.cocovisor.cca.rmm.v2.ConditionTable.Condition;
import java.util.List;

/** What the commands on tables and on the planes' trees look at, in their order. */
final class TreeConditions {
  private static final long GIB = 1L << 30;

  private TreeConditions() {}

  private static long aux(int level) {
    return Status.pack(Status.ERROR_RTT_AUX, level);
  }

  private static void auxTables(Call c, long ipa, int level) {
    for (int l = 2; l <= level; l++) {
      long at = ipa & -(PAGE << (9 * (4 - l)));
      long _ = c.ok(Rmi2Command.RTT_AUX_CREATE, c.rd, c.b.delegated(), at, l, 1);
    }
  }

  private static void auxMapped(Call c) {
    c.b.tables(c.rd, IPA, 3);
    long _ = c.ok(Rmi2Command.RTT_DATA_MAP_INIT, c.rd, c.b.delegated(), IPA, c.b.ns(), 0);
    auxTables(c, IPA, 3);
    long _ = c.ok(Rmi2Command.RTT_AUX_MAP_PROTECTED, c.rd, IPA, 1);
  }

  private static void shared(Call c) {
    c.b.tables(c.rd, SHARED, 3);
    long _ =
        c.ok(
            Rmi2Command.RTT_UNPROT_MAP,
            c.rd,
            SHARED,
            SHARED + PAGE,
            Bench2.SINGLE | 3 << 19,
            page(0x4000_0000L));
  }

  private static List<Condition> shape(int level, int ipa) {
    return all(
        argument(level, "level", 1, 4, -1), argument(ipa, "ipa", IPA + PAGE, SPACE_END, -PAGE));
  }

  private static List<Condition> auxShape() {
    return all(
        argument(2, "level", 1, 4, -1),
        argument(3, "tree", 0, 2, -1),
        argument(1, "ipa", IPA + PAGE, SHARED, SPACE_END));
  }

  private static void permissionPending(Call c) {
    c.b.tables(c.rd, IPA, 3);
    c.rec = c.b.rec(c.rd, 0);
    activate(c);
    enter(c);
    var _ =
        c.b
            .rmm
            .realmSide()
            .call(c.b.pe, c.rec, RsiCall.RSI_MEM_SET_PERM_INDEX.fid(), IPA, IPA + 4 * PAGE, 1, 0);
  }

  static List<Command> commands() {
    return List.of(
        new Command(
            Rmi2Command.RTT_DESTROY,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              c.args(c.rd, IPA, 3);
            },
            all(
                notA(0, "rd"),
                shape(2, 1),
                List.of(
                    other("no table", "x1", Status.rtt(2), c -> c.arg(1, 0)),
                    other("live", "entry", Status.rtt(3), c -> c.b.map(c.rd, IPA, 1))))),
        new Command(
            Rmi2Command.RTT_FOLD,
            0,
            c -> {
              c.b.tables(c.rd, IPA, 3);
              c.args(c.rd, IPA, 3);
            },
            all(
                notA(0, "rd"),
                shape(2, 1),
                List.of(
                    other("no table", "x1", Status.rtt(2), c -> c.arg(1, 0)),
                    other(
                        "neither empty nor full",
                        "entry",
                        Status.rtt(3),
                        c -> c.b.map(c.rd, IPA, 1))))),
        new Command(
            Rmi2Command.RTT_READ_ENTRY,
            0,
            c -> c.args(c.rd, IPA, 3),
            all(notA(0, "rd"), argument(2, "level", 0, 4, -1), argument(1, "ipa", IPA + 8, -PAGE))),
        new Command(
            Rmi2Command.RTT_UNPROT_UNMAP,
            0,
            c -> {
              shared(c);
              c.args(c.rd, SHARED, SHARED + PAGE, Bench2.SINGLE, 0);
            },
            all(
                full(),
                notA(0, "rd"),
                List.of(
                    input("base unaligned", "x1", c -> c.arg(1, SHARED + 8)),
                    input("top <= base", "x2", c -> c.arg(2, SHARED)),
                    input("beyond the space", "x2", c -> c.arg(2, SPACE_END + PAGE)),
                    input("protected half", "range", c -> c.args(c.args[0], IPA, IPA + PAGE)),
                    input("list of none", "x4", c -> c.arg(4, PAGE)),
                    input("type 3", "x3", c -> c.arg(3, 3)),
                    other(
                        "base inside an entry",
                        "range",
                        Status.rtt(1),
                        c -> c.args(c.args[0], SHARED + GIB + PAGE, SHARED + GIB + 2 * PAGE))))),
        new Command(
            Rmi2Command.RTT_SET_S2AP,
            0,
            c -> {
              permissionPending(c);
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
            Rmi2Command.RTT_AUX_DESTROY,
            0,
            c -> {
              auxTables(c, IPA, 3);
              c.args(c.rd, IPA, 3, 1);
            },
            all(
                argument(3, "tree", 0),
                notA(0, "rd"),
                auxShape(),
                List.of(other("no table", "x1", aux(2), c -> c.arg(1, 0))))),
        new Command(
            Rmi2Command.RTT_AUX_FOLD,
            0,
            c -> {
              auxTables(c, IPA, 3);
              c.args(c.rd, IPA, 3, 1);
            },
            all(
                argument(3, "tree", 0),
                notA(0, "rd"),
                auxShape(),
                List.of(other("no table", "x1", aux(2), c -> c.arg(1, 0))))),
        new Command(
            Rmi2Command.RTT_AUX_UNMAP_PROTECTED,
            0,
            c -> {
              auxMapped(c);
              c.args(c.rd, IPA, 1);
            },
            all(
                notA(0, "rd"),
                argument(1, "ipa", IPA + 8, SHARED, SPACE_END),
                argument(2, "tree", 0, 2, -1),
                List.of(other("not mapped", "x1", aux(3), c -> c.arg(1, IPA + PAGE))))),
        new Command(
            Rmi2Command.RTT_AUX_MAP_UNPROTECTED,
            0,
            c -> {
              shared(c);
              c.args(c.rd, SHARED, 1);
            },
            all(
                notA(0, "rd"),
                ZOMBIE,
                argument(1, "ipa", SHARED + PAGE, IPA, PROTECTED_END - GIB, SPACE_END),
                argument(2, "tree", 0, 2, -1),
                List.of(other("nothing there", "x1", Status.rtt(1), c -> c.arg(1, SHARED + GIB))))),
        new Command(
            Rmi2Command.RTT_AUX_UNMAP_UNPROTECTED,
            0,
            c -> {
              shared(c);
              long _ = c.ok(Rmi2Command.RTT_AUX_MAP_UNPROTECTED, c.rd, SHARED, 1);
              c.args(c.rd, SHARED, 1);
            },
            all(
                notA(0, "rd"),
                argument(1, "ipa", SHARED + PAGE, IPA, SPACE_END),
                argument(2, "tree", 0, 2, -1))));
  }
}
