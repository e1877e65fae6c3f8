package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random lives of private memory beside a few plain records: a call succeeds exactly where its rule
 * lets it, one that is refused changes nothing, what the guest wrote stays with its address, and
 * after each call the PAMT has the TD's pages and no others, the child count is theirs, and no lock
 * is left.
 */
// TDX module 1.5.01: tdh_mem_page_aug.c, _remove.c, _demote.c, _promote.c, _relocate.c,
// tdh_mem_range_block.c, _unblock.c, tdh_mem_sept_remove.c, tdh_mem_track.c.
class RandomLifeTest {
  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;
  private static final int[] PLACES = {0, 1, 9, 511};

  /** A page of the guest's. */
  private static final class Leaf {
    final long hpa;
    final int[] values = new int[512];
    boolean pending = true;
    long blocked = -1;

    Leaf(long hpa) {
      this.hpa = hpa;
    }
  }

  /** What lies over 2 MiB. */
  private static final class Table {
    final long hpa;
    final @Nullable Leaf[] leaves = new Leaf[512];
    long blocked = -1;

    Table(long hpa) {
      this.hpa = hpa;
    }
  }

  private Bench b = new Bench();
  private Random random = new Random(0);
  private final @Nullable Leaf[] huge = new Leaf[3];
  private final @Nullable Table[] tables = new Table[3];
  private final PamtLocks alone = new PamtLocks();
  private final List<Long> pages = new ArrayList<>();
  private final List<Long> large = new ArrayList<>();
  private final Set<String> base = new HashSet<>();
  private long children;
  private long epoch;
  private long inside = -1;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void everyCallFollowsItsRule(long seed) {
    random = new Random(seed);
    for (int program = 0; program < 2; program++) {
      begin();
      for (int s = 0; s < 250; s++) {
        String before = state();
        long status = step();
        if (status != 0) {
          assertThat(state()).as("after %s", SeamStatus.describe(status)).isEqualTo(before);
        }
        agree("program " + program + ", step " + s);
      }
    }
  }

  private void begin() {
    b = Bench.runnable(true);
    b.tables(GPA, 1);
    Arrays.fill(huge, null);
    Arrays.fill(tables, null);
    pages.clear();
    large.clear();
    for (int i = 0; i < 8; i++) {
      pages.add(b.page());
    }
    for (int i = 0; i < 4; i++) {
      large.add(b.huge());
    }
    base.clear();
    base.addAll(used());
    children = b.td().children();
    epoch = b.td().epoch();
    inside = -1;
  }

  private long step() {
    int region = random.nextInt(3);
    int place = PLACES[random.nextInt(PLACES.length)];
    return switch (random.nextInt(16)) {
      case 0, 1 -> augHuge(region);
      case 2, 3 -> augSmall(region, place);
      case 4, 5 -> accept(region, place);
      case 6 -> blockLarge(region);
      case 7 -> blockSmall(region, place);
      case 8 -> random.nextBoolean() ? unblockLarge(region) : unblockSmall(region, place);
      case 9, 10 -> track();
      case 11 -> random.nextBoolean() ? removeHuge(region) : removeSmall(region, place);
      case 12 -> demote(region);
      case 13 -> random.nextInt(3) == 0 ? addTable(region) : promote(region);
      case 14 -> random.nextBoolean() ? removeTable(region) : relocate(region, place);
      default -> enterOrLeave();
    };
  }

  private static long at(int region) {
    return GPA + ((long) region << 21);
  }

  private static long at(int region, int place) {
    return at(region) + place * 4096L;
  }

  private boolean tracked(long since) {
    return since >= 0 && (since < epoch - 1 || (since == epoch - 1 && !insideOf(since)));
  }

  /** References are counted by the parity of the epoch. */
  private boolean insideOf(long since) {
    return inside >= 0 && (inside & 1) == (since & 1);
  }

  private @Nullable Leaf small(int region, int place) {
    Table t = tables[region];
    return t == null || t.blocked >= 0 ? null : t.leaves[place];
  }

  private long is(long status, boolean allowed, String call) {
    assertThat(status == 0).as("%s: %s", call, SeamStatus.describe(status)).isEqualTo(allowed);
    return status;
  }

  private long pageThatMayBeTaken() {
    return pages.get(random.nextInt(pages.size()));
  }

  private boolean free(long page) {
    return b.pamt.type(b.pamt.sizeOf(page), page) == PageType.NDA;
  }

  private long augHuge(int region) {
    long page = large.get(random.nextInt(large.size()));
    boolean may =
        huge[region] == null && tables[region] == null && free(page) && b.pamt.used4k(page) == 0;
    long s = is(b.host.memPageAug(TDR, at(region), 1, page), may, "AUG of 2 MiB");
    if (may) {
      huge[region] = new Leaf(page);
    }
    return s;
  }

  private long augSmall(int region, int place) {
    long page = pageThatMayBeTaken();
    Table t = tables[region];
    boolean may = t != null && t.blocked < 0 && t.leaves[place] == null && free(page);
    long s = is(b.host.memPageAug(TDR, at(region, place), 0, page), may, "AUG of 4 KiB");
    if (may && t != null) {
      t.leaves[place] = new Leaf(page);
    }
    return s;
  }

  private long accept(int region, int place) {
    boolean big = random.nextBoolean();
    Leaf leaf = big ? huge[region] : small(region, place);
    boolean may = leaf != null && leaf.pending && leaf.blocked < 0;
    b.enter();
    GuestOutcome o = b.accept(big ? at(region) : at(region, place), big ? 1 : 0);
    long rax = b.r.rax;
    b.leave();
    assertThat(o == GuestOutcome.DONE && rax == 0).as("ACCEPT: %s %x", o, rax).isEqualTo(may);
    if (may && leaf != null) {
      leaf.pending = false;
      for (int i : PLACES) {
        byte[] zero = new byte[1];
        b.memory.read(leaf.hpa + (big ? i * 4096L : 0), zero, 0, 1);
        assertThat(zero[0]).as("a page that was accepted").isZero();
      }
      for (int i : big ? PLACES : new int[] {0}) {
        leaf.values[i] = 1 + random.nextInt(100);
        b.memory.write(leaf.hpa + i * 4096L, new byte[] {(byte) leaf.values[i]}, 0, 1);
      }
    }
    return may ? 0 : 1;
  }

  private long blockLarge(int region) {
    Leaf leaf = huge[region];
    Table t = tables[region];
    boolean may = leaf != null ? leaf.blocked < 0 : t != null && t.blocked < 0;
    long s = is(b.host.memRangeBlock(TDR, at(region), 1), may, "BLOCK of 2 MiB");
    if (may && leaf != null) {
      leaf.blocked = epoch;
    } else if (may && t != null) {
      t.blocked = epoch;
    }
    return s;
  }

  private long blockSmall(int region, int place) {
    Leaf leaf = small(region, place);
    boolean may = leaf != null && leaf.blocked < 0;
    long s = is(b.host.memRangeBlock(TDR, at(region, place), 0), may, "BLOCK of 4 KiB");
    if (may && leaf != null) {
      leaf.blocked = epoch;
    }
    return s;
  }

  private long unblockLarge(int region) {
    Leaf leaf = huge[region];
    Table t = tables[region];
    long since = leaf != null ? leaf.blocked : t != null ? t.blocked : -1;
    long s = is(b.host.memRangeUnblock(TDR, at(region), 1), tracked(since), "UNBLOCK of 2 MiB");
    if (s == 0 && leaf != null) {
      leaf.blocked = -1;
    } else if (s == 0 && t != null) {
      t.blocked = -1;
    }
    return s;
  }

  private long unblockSmall(int region, int place) {
    Leaf leaf = small(region, place);
    boolean may = leaf != null && tracked(leaf.blocked);
    long s = is(b.host.memRangeUnblock(TDR, at(region, place), 0), may, "UNBLOCK of 4 KiB");
    if (may && leaf != null) {
      leaf.blocked = -1;
    }
    return s;
  }

  private long track() {
    boolean may = !(inside >= 0 && inside < epoch && insideOf(epoch - 1));
    long s = is(b.host.memTrack(TDR), may, "TRACK");
    if (may) {
      epoch++;
    }
    return s;
  }

  private long removeHuge(int region) {
    Leaf leaf = huge[region];
    boolean may = leaf != null && tracked(leaf.blocked);
    long s = is(b.host.memPageRemove(TDR, at(region), 1), may, "REMOVE of 2 MiB");
    if (may) {
      huge[region] = null;
    }
    return s;
  }

  private long removeSmall(int region, int place) {
    Leaf leaf = small(region, place);
    boolean may = leaf != null && tracked(leaf.blocked);
    long s = is(b.host.memPageRemove(TDR, at(region, place), 0), may, "REMOVE of 4 KiB");
    Table t = tables[region];
    if (may && t != null) {
      t.leaves[place] = null;
    }
    return s;
  }

  private long demote(int region) {
    long page = pageThatMayBeTaken();
    Leaf leaf = huge[region];
    boolean may = leaf != null && tracked(leaf.blocked) && free(page);
    long s = is(b.host.memPageDemote(TDR, at(region), 1, page), may, "DEMOTE");
    if (may && leaf != null) {
      Table t = new Table(page);
      for (int i = 0; i < 512; i++) {
        Leaf one = new Leaf(leaf.hpa + i * 4096L);
        one.pending = leaf.pending;
        one.values[0] = leaf.values[i];
        t.leaves[i] = one;
      }
      tables[region] = t;
      huge[region] = null;
    }
    return s;
  }

  private long promote(int region) {
    Table t = tables[region];
    boolean may = t != null && tracked(t.blocked) && inARow(t);
    long s = is(b.host.memPagePromote(TDR, at(region), 1), may, "PROMOTE");
    if (may && t != null) {
      Leaf first = t.leaves[0];
      Leaf one = new Leaf(first == null ? -1 : first.hpa);
      for (int i = 0; i < 512; i++) {
        Leaf l = t.leaves[i];
        one.values[i] = l == null ? 0 : l.values[0];
        one.pending = l != null && l.pending;
      }
      huge[region] = one;
      tables[region] = null;
    }
    return s;
  }

  private static boolean inARow(Table t) {
    Leaf first = t.leaves[0];
    if (first == null || first.hpa % (2 << 20) != 0) {
      return false;
    }
    for (int i = 0; i < 512; i++) {
      Leaf l = t.leaves[i];
      if (l == null
          || l.blocked >= 0
          || l.pending != first.pending
          || l.hpa != first.hpa + i * 4096L) {
        return false;
      }
    }
    return true;
  }

  private long addTable(int region) {
    long page = pageThatMayBeTaken();
    boolean may = huge[region] == null && tables[region] == null && free(page);
    long s = is(b.host.memSeptAdd(TDR, at(region), 1, page), may, "SEPT.ADD");
    if (may) {
      tables[region] = new Table(page);
    }
    return s;
  }

  private long removeTable(int region) {
    Table t = tables[region];
    boolean may =
        t != null && tracked(t.blocked) && Arrays.stream(t.leaves).allMatch(l -> l == null);
    long s = is(b.host.memSeptRemove(TDR, at(region), 1), may, "SEPT.REMOVE");
    if (may) {
      tables[region] = null;
    }
    return s;
  }

  private long relocate(int region, int place) {
    long page = pageThatMayBeTaken();
    Leaf leaf = small(region, place);
    boolean may = leaf != null && tracked(leaf.blocked) && free(page);
    long s = is(b.host.memPageRelocate(TDR, at(region, place), page), may, "RELOCATE");
    Table t = tables[region];
    if (may && leaf != null && t != null) {
      Leaf moved = new Leaf(page);
      moved.pending = leaf.pending;
      moved.values[0] = leaf.values[0];
      t.leaves[place] = moved;
    }
    return s;
  }

  private long enterOrLeave() {
    if (inside < 0) {
      assertThat(b.onLp1.vpEnter(Bench.VCPU_1)).isEqualTo(SeamStatus.IN_GUEST);
      inside = epoch;
    } else {
      b.module.vmExit(Bench.LP_1, 1);
      inside = -1;
    }
    return 0;
  }

  /** Every page that the PAMT calls used: size, address, type and owner. */
  private Set<String> used() {
    Set<String> all = new HashSet<>();
    b.pamt.forEachUsed((size, hpa, type, owner) -> all.add(name(size, hpa, type, owner)));
    return all;
  }

  private static String name(int size, long hpa, int type, long owner) {
    return size + " " + Long.toHexString(hpa) + " " + type + " " + Long.toHexString(owner);
  }

  private String state() {
    StringBuilder all = new StringBuilder();
    entries(b.td().rootTable(), all);
    return all + " " + new java.util.TreeSet<>(used()) + b.td().children() + " " + b.td().epoch();
  }

  private static void entries(SeptTable t, StringBuilder into) {
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
      if (SeptState.of(e) != SeptState.FREE) {
        into.append(t.level()).append(':').append(i).append('=').append(Long.toHexString(e));
      }
      assertThat(t.tryLockHost(i)).as("entry %s of level %s", i, t.level()).isTrue();
      t.unlock(i);
      SeptTable below = t.child(i);
      if (below != null) {
        entries(below, into);
      }
    }
  }

  private void agree(String when) {
    b.check();
    Set<String> expected = new HashSet<>(base);
    long more = 0;
    for (int region = 0; region < 3; region++) {
      Leaf h = huge[region];
      if (h != null) {
        expected.add(name(1, h.hpa, PageType.REG, TDR));
        more += 512;
        leaf(when, at(region), 1, h);
      }
      Table t = tables[region];
      if (t == null) {
        continue;
      }
      expected.add(name(0, t.hpa, PageType.EPT, TDR));
      more++;
      for (int i = 0; i < 512; i++) {
        Leaf l = t.leaves[i];
        if (l != null) {
          expected.add(name(0, l.hpa, PageType.REG, TDR));
          more++;
          if (t.blocked < 0) {
            leaf(when, at(region, i), 0, l);
          }
        }
      }
    }
    assertThat(used()).as(when).isEqualTo(expected);
    assertThat(b.td().children()).as(when).isEqualTo(children + more);
    assertThat(b.td().epoch()).as(when).isEqualTo(epoch);
    for (long page : pages) {
      int size = b.pamt.sizeOf(page);
      assertThat(alone.lock(b.pamt, size, page, true))
          .as("%s: the PAMT entry of a page", when)
          .isTrue();
      alone.releaseAll();
    }
  }

  private void leaf(String when, long gpa, int level, Leaf l) {
    SeptState wanted =
        l.pending
            ? l.blocked < 0 ? SeptState.PENDING : SeptState.PENDING_BLOCKED
            : l.blocked < 0 ? SeptState.MAPPED : SeptState.BLOCKED;
    assertThat(b.state(gpa, level)).as("%s: gpa %x", when, gpa).isEqualTo(wanted);
    if (!l.pending) {
      byte[] seen = new byte[1];
      for (int i : level == 1 ? PLACES : new int[] {0}) {
        b.memory.read(l.hpa + i * 4096L, seen, 0, 1);
        assertThat(seen[0]).as("%s: the byte at %x", when, gpa).isEqualTo((byte) l.values[i]);
      }
    }
    assertThat(SeptEntry.hpa(entry(gpa, level), level)).as(when).isEqualTo(l.hpa);
  }

  private long entry(long gpa, int level) {
    SeptTable t = b.td().rootTable();
    while (t.level() > level) {
      SeptTable next = t.child((int) (gpa >>> (12 + 9 * t.level())) & 511);
      if (next == null) {
        throw new AssertionError("no table");
      }
      t = next;
    }
    return t.get((int) (gpa >>> (12 + 9 * level)) & 511);
  }
}
