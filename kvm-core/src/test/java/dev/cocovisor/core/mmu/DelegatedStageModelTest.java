package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.slot.DirtyBitmap;
import dev.cocovisor.core.slot.MemSlot;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random programs on the registry of a delegated stage and on a sorted map of leaves: the same
 * answers, the same hooks in the same order, the same leaves and counters. What a hook answers
 * hangs on its operands, so that the map can foretell it.
 */
class DelegatedStageModelTest {
  private record Leaf(int level, long pfn, boolean writable) {
    long pages() {
      return NaiveTables.size(level);
    }
  }

  private final VcpuContext vcpu = mock(VcpuContext.class);
  private final List<String> told = new ArrayList<>();
  private final List<String> expected = new ArrayList<>();
  private final List<TreeMap<Long, Leaf>> roots = List.of(new TreeMap<>(), new TreeMap<>());
  private final PageFault fault = new PageFault();
  private final Set<Long> dirty = new HashSet<>();
  private Random random = new Random(0);
  private int salt;

  private final VmOps ops =
      new VmOps() {
        @Override
        public Errno mapDelegated(
            VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean w) {
          return tell("map", gfn, level.number(), pfn, isPrivate, w);
        }

        @Override
        public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
          return tell("refault", gfn, 0, 0, isPrivate, false);
        }

        @Override
        public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean p) {
          told.add("most " + gfn + " " + pfn + " " + wanted.number() + " " + p);
          return PageLevel.of(most(gfn, wanted.number()));
        }

        @Override
        public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
          return tell("unmap", gfn, level.number(), pfn, isPrivate, false);
        }

        @Override
        public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
          return tell("split", gfn, level.number(), 0, isPrivate, false);
        }

        @Override
        public Errno protectDelegated(long gfn, PageLevel level, boolean isPrivate) {
          return tell("protect", gfn, level.number(), 0, isPrivate, false);
        }

        @Override
        public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
          told.add("notifier " + gfn + " " + isPrivate);
          return mayUnmap(gfn);
        }
      };

  private final MmuHost host =
      new MmuHost() {
        private final PhysicalHost memory = new PhysicalHost(64);
        private final ModelLock lock = new ModelLock("mmu_lock");

        @Override
        public VmOps ops() {
          return ops;
        }

        @Override
        public PhysicalHost memory() {
          return memory;
        }

        @Override
        public ModelLock mmuLock() {
          return lock;
        }

        @Override
        public void flushRemoteTlbs() {
          told.add("flush");
        }

        @Override
        public void bug(String why) {
          told.add("bug");
        }

        @Override
        public void leak(long pfn, long count, String why) {
          told.add("leak");
        }

        @Override
        public void traceCore(String name, long gfnStart, long gfnEnd) {
          told.add(name + " " + gfnStart + " " + gfnEnd);
        }
      };

  private DelegatedStage stage = new DelegatedStage(host);

  private static String call(
      String hook, long gfn, int level, long pfn, boolean isPrivate, boolean w) {
    return hook + " " + gfn + " " + level + " " + pfn + " " + isPrivate + " " + w;
  }

  private Errno tell(String hook, long gfn, int level, long pfn, boolean isPrivate, boolean w) {
    told.add(call(hook, gfn, level, pfn, isPrivate, w));
    return answer(hook, gfn);
  }

  private Errno expect(String hook, long gfn, int level, long pfn, boolean isPrivate, boolean w) {
    expected.add(call(hook, gfn, level, pfn, isPrivate, w));
    return answer(hook, gfn);
  }

  private int draw(String hook, long gfn, int of) {
    return Math.floorMod(Long.hashCode(gfn * 31 + hook.hashCode() + salt * 1_000_003L) >> 3, of);
  }

  private Errno answer(String hook, long gfn) {
    Errno[] ways =
        switch (hook) {
          case "map" -> new Errno[] {Errno.EAGAIN, Errno.EEXIST, Errno.EPERM};
          case "refault" -> new Errno[] {Errno.EAGAIN, Errno.EAGAIN, Errno.EIO};
          case "unmap" -> new Errno[] {Errno.EPERM, Errno.EBUSY, Errno.EIO};
          case "split" -> new Errno[] {Errno.EOPNOTSUPP, Errno.EOPNOTSUPP, Errno.ENOMEM};
          default -> new Errno[] {Errno.EOPNOTSUPP, Errno.EIO, Errno.EIO};
        };
    int n = draw(hook, gfn, 9);
    return n < 3 ? ways[n] : Errno.OK;
  }

  private int most(long gfn, int wanted) {
    return Math.min(wanted, 1 + draw("most", gfn, 3));
  }

  private boolean mayUnmap(long gfn) {
    return draw("notifier", gfn, 3) > 0;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void agreesWithASortedMapOfLeaves(long seed) {
    random = new Random(seed);
    for (int program = 0; program < 8; program++) {
      stage = new DelegatedStage(host);
      roots.forEach(Map::clear);
      dirty.clear();
      DirtyBitmap log = new DirtyBitmap(3L << 18, false);
      MemSlot slot = new MemSlot(0, 0, 0, 3L << 18, 0, 0, null, 0).loggedIn(log);
      for (int s = 0; s < 50; s++) {
        salt = random.nextInt(1 << 20);
        step(slot);
        agree("program " + program + ", step " + s, log);
      }
      salt = random.nextInt();
      zap(true, 0, Long.MAX_VALUE, false);
      zap(false, 0, Long.MAX_VALUE, false);
      stage.destroy();
      agree("the end of program " + program, log);
    }
  }

  private long gfn() {
    long at = (long) random.nextInt(2) << 18 | (long) random.nextInt(3) << 9 | random.nextInt(4);
    return switch (random.nextInt(6)) {
      case 0 -> at | 511;
      case 1, 2 -> at & -512;
      default -> at;
    };
  }

  private void step(MemSlot slot) {
    boolean isPrivate = random.nextBoolean();
    long start = gfn();
    final long end = start + 1 + random.nextInt(random.nextBoolean() ? 4 : 1200);
    switch (random.nextInt(12)) {
      case 0, 1, 2, 3, 4 -> map(isPrivate, slot);
      case 5, 6 -> {
        int which = 1 + random.nextInt(3);
        boolean notifier = random.nextBoolean();
        boolean any = (which & 1) != 0 && zap(false, start, end, notifier);
        any |= (which & 2) != 0 && zap(true, start, end, notifier);
        if (any) {
          expected.add("zap " + start + " " + end);
        }
        assertThat(stage.zapLeafs(start, end, which, notifier)).isEqualTo(any);
      }
      case 7 -> {
        Errno r = crossing(start);
        assertThat(stage.splitBoundaryLeafs(start, end)).isEqualTo(r.ok() ? crossing(end) : r);
      }
      case 8 -> {
        int level = 1 + random.nextInt(2);
        assertThat(stage.splitTo(start, level, isPrivate))
            .isEqualTo(splitTo(start, level, isPrivate));
      }
      case 9 -> assertThat(stage.protectWrites(start, end, 1, 3)).isEqualTo(protect(start, end));
      case 10 -> {
        int order = random.nextInt(3);
        long at = start & -(1L << order);
        long pfn = 8L * (1 + random.nextInt(9));
        if (covering(at, true) == null && roots.get(1).subMap(at, at + (1L << order)).isEmpty()) {
          for (long i = 0; i < 1L << order; i++) {
            roots.get(1).put(at + i, new Leaf(1, pfn + i, true));
          }
          stage.populated(at, pfn, order);
        }
      }
      default -> {
        if (random.nextInt(3) == 0) {
          zap(false, 0, Long.MAX_VALUE, false);
          stage.zapAllDirect();
        }
      }
    }
  }

  private Map.@Nullable Entry<Long, Leaf> covering(long gfn, boolean isPrivate) {
    Map.Entry<Long, Leaf> e = roots.get(isPrivate ? 1 : 0).floorEntry(gfn);
    return e != null && e.getKey() + e.getValue().pages() > gfn ? e : null;
  }

  private Leaf leafAt(boolean isPrivate, long gfn) {
    return Objects.requireNonNull(roots.get(isPrivate ? 1 : 0).get(gfn));
  }

  private void map(boolean isPrivate, MemSlot slot) {
    int goal = 1 + (random.nextInt(3) == 0 ? 1 : 0) + (random.nextInt(9) == 0 ? 1 : 0);
    fault.gfn = gfn();
    fault.write = random.nextBoolean();
    fault.isPrivate = isPrivate;
    fault.slot = slot;
    fault.mapWritable = random.nextInt(3) > 0;
    fault.goalLevel = goal;
    fault.pfn = (random.nextInt(2) + 1L) * NaiveTables.size(goal);
    fault.cpu = random.nextInt(20);
    final long pfn = fault.pfn + (fault.gfn - NaiveTables.base(fault.gfn, goal));
    int got = stage.map(fault, vcpu);
    assertThat(got).as("a fault at %s", fault.gfn).isEqualTo(mapped(goal, pfn));
  }

  private int mapped(int goal, long pfnOfGfn) {
    Map.@Nullable Entry<Long, Leaf> have = covering(fault.gfn, fault.isPrivate);
    if (have != null && (!fault.write || have.getValue().writable())) {
      Errno again = expect("refault", fault.gfn, 0, 0, fault.isPrivate, false);
      return again == Errno.EIO ? -Errno.EIO.number() : RetPf.SPURIOUS;
    }
    expected.add("most " + fault.gfn + " " + pfnOfGfn + " " + goal + " " + fault.isPrivate);
    int level = most(fault.gfn, goal);
    long at = NaiveTables.base(fault.gfn, level);
    long pfn = pfnOfGfn - (fault.gfn - at);
    assertThat(fault.goalLevel).as("the level it came to").isEqualTo(level);
    Errno done = expect("map", at, level, pfn, fault.isPrivate, fault.mapWritable);
    if (!done.ok()) {
      return done == Errno.EPERM ? -Errno.EPERM.number() : RetPf.RETRY;
    }
    TreeMap<Long, Leaf> r = roots.get(fault.isPrivate ? 1 : 0);
    if (have != null) {
      r.remove(have.getKey());
    }
    r.subMap(at, at + NaiveTables.size(level)).clear();
    r.put(at, new Leaf(level, pfn, fault.mapWritable));
    if (fault.mapWritable) {
      dirty.add(fault.gfn);
    }
    return RetPf.FIXED;
  }

  /**
   * Every leaf that overlaps, in order: split where the range cuts it, then taken, if it may be.
   */
  private boolean zap(boolean isPrivate, long start, long end, boolean notifier) {
    boolean any = false;
    for (long gfn : overlapping(isPrivate, start, end)) {
      Leaf leaf = leafAt(isPrivate, gfn);
      boolean cut = gfn < start || gfn + leaf.pages() > end;
      if (cut && expect("split", gfn, leaf.level(), 0, isPrivate, false).ok()) {
        toPages(isPrivate, gfn);
        for (long g = Math.max(gfn, start); g < Math.min(end, gfn + leaf.pages()); g++) {
          any |= take(isPrivate, g, notifier);
        }
      } else {
        any |= take(isPrivate, gfn, notifier);
      }
    }
    return any;
  }

  private List<Long> overlapping(boolean isPrivate, long start, long end) {
    return roots.get(isPrivate ? 1 : 0).entrySet().stream()
        .filter(e -> e.getKey() < end && e.getKey() + e.getValue().pages() > start)
        .map(Map.Entry::getKey)
        .toList();
  }

  private boolean take(boolean isPrivate, long gfn, boolean notifier) {
    if (notifier) {
      expected.add("notifier " + gfn + " " + isPrivate);
      if (!mayUnmap(gfn)) {
        return false;
      }
    }
    Leaf leaf = leafAt(isPrivate, gfn);
    boolean taken = expect("unmap", gfn, leaf.level(), leaf.pfn(), isPrivate, false).ok();
    if (taken) {
      roots.get(isPrivate ? 1 : 0).remove(gfn);
    }
    return taken;
  }

  private void toPages(boolean isPrivate, long gfn) {
    Leaf leaf = leafAt(isPrivate, gfn);
    roots.get(isPrivate ? 1 : 0).remove(gfn);
    for (long i = 0; i < leaf.pages(); i++) {
      roots.get(isPrivate ? 1 : 0).put(gfn + i, new Leaf(1, leaf.pfn() + i, leaf.writable()));
    }
  }

  private Errno crossing(long gfn) {
    Map.@Nullable Entry<Long, Leaf> e = covering(gfn, true);
    return e == null || e.getKey() == gfn ? Errno.OK : split(e.getKey(), true);
  }

  private Errno split(long gfn, boolean isPrivate) {
    Errno r = expect("split", gfn, leafAt(isPrivate, gfn).level(), 0, isPrivate, false);
    if (r.ok()) {
      toPages(isPrivate, gfn);
    }
    return r == Errno.EOPNOTSUPP ? Errno.OK : r;
  }

  private Errno splitTo(long gfn, int level, boolean isPrivate) {
    Map.@Nullable Entry<Long, Leaf> e = covering(gfn, isPrivate);
    return e == null || e.getValue().level() <= level ? Errno.OK : split(e.getKey(), isPrivate);
  }

  private boolean protect(long start, long end) {
    boolean any = false;
    for (long gfn : overlapping(false, start, end)) {
      Leaf leaf = leafAt(false, gfn);
      if (leaf.writable()) {
        Errno r = expect("protect", gfn, leaf.level(), 0, false, false);
        if (r == Errno.EOPNOTSUPP) {
          return zap(false, start, end, false) || any;
        }
        if (r.ok()) {
          roots.get(0).put(gfn, new Leaf(leaf.level(), leaf.pfn(), false));
          any = true;
        }
      }
    }
    return any;
  }

  private void agree(String when, DirtyBitmap log) {
    assertThat(told).as(when).isEqualTo(expected);
    told.clear();
    expected.clear();
    for (boolean isPrivate : new boolean[] {false, true}) {
      TreeMap<Long, Leaf> seen = new TreeMap<>();
      stage.visitLeafs(
          isPrivate,
          (gfn, level, e) -> {
            assertThat(Spte.isPrivate(e)).isEqualTo(isPrivate);
            seen.put(gfn, new Leaf(level, Spte.pfn(e), Spte.isWritable(e)));
          });
      assertThat(seen).as(when).isEqualTo(roots.get(isPrivate ? 1 : 0));
      for (int i = 0; i < 10; i++) {
        long gfn = gfn();
        Map.@Nullable Entry<Long, Leaf> e = covering(gfn, isPrivate);
        long found = stage.walk(gfn, isPrivate);
        assertThat(Spte.isLeaf(found)).as(when).isEqualTo(e != null);
        assertThat(Spte.level(found)).as(when).isEqualTo(e == null ? 1 : e.getValue().level());
        if (e != null) {
          assertThat(Spte.pfn(found)).as(when).isEqualTo(e.getValue().pfn());
        }
        assertThat(log.isDirty(gfn)).as(when).isEqualTo(dirty.contains(gfn));
      }
    }
    for (int level = 1; level <= 3; level++) {
      int l = level;
      assertThat(stage.counters().get(level))
          .as("%s: leaves of level %s", when, level)
          .isEqualTo(
              roots.stream().flatMap(r -> r.values().stream()).filter(x -> x.level() == l).count());
    }
    assertThat(stage.hasPrivateRoot()).isTrue();
    assertThat(stage.tablePages() + stage.externalTablePages()).isZero();
  }
}
