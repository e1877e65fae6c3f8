package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mmu.NaiveTables.At;
import dev.cocovisor.core.mmu.NaiveTables.Leaf;
import dev.cocovisor.core.slot.DirtyBitmap;
import dev.cocovisor.core.slot.MemSlot;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random programs on the TDP MMU and on sets of leaves and tables: the same answers, the same
 * leaves, the same calls of hooks in the same order, the same frames, counters and flushes. Hooks
 * refuse now and then.
 */
class TdpMmuModelTest {
  private static final int STEPS = 60;
  private static final long FRAMES = 1 << 12;

  /** Whatever the MMU tells its VM, one line each. */
  private final List<String> told = new ArrayList<>();

  private final List<String> expected = new ArrayList<>();
  private PhysicalHost memory = new PhysicalHost(FRAMES);
  private final ModelLock lock = new ModelLock("mmu_lock");
  private @Nullable Errno refusal;
  private Random random = new Random(0);

  private final class Host implements MmuHost, VmOps {
    private final long sharedMask;

    Host(long sharedMask) {
      this.sharedMask = sharedMask;
    }

    @Override
    public VmTraits traits() {
      return VmTraits.of(StageShape.MIRRORED).withSharedGfnMask(sharedMask);
    }

    @Override
    public VmOps ops() {
      return this;
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
      told.add("bug " + why);
    }

    @Override
    public void leak(long pfn, long count, String why) {
      told.add("leak " + count + " " + why);
    }

    @Override
    public void traceCore(String name, long gfnStart, long gfnEnd) {
      told.add(name + " " + gfnStart + " " + gfnEnd);
    }

    private Errno answer(String call) {
      told.add(call);
      return refusal == null ? Errno.OK : refusal;
    }

    /** While a hook runs for an entry, nobody finds a leaf there. */
    private void frozen(long gfn) {
      assertThat(Spte.isLeaf(mmu.walk(gfn, true))).as("a leaf at %s", gfn).isFalse();
    }

    @Override
    public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
      assertThat(memory.isFree(sptPfn)).as("the frame of a table").isFalse();
      return answer("link " + gfn + " " + level.number());
    }

    @Override
    public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
      frozen(gfn);
      return answer("set " + gfn + " " + level.number() + " " + pfn);
    }

    @Override
    public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
      frozen(gfn);
      return answer("remove " + gfn + " " + level.number() + " " + pfn);
    }

    @Override
    public Errno splitExternalSpt(
        long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
      assertThat(memory.isFree(sptPfn)).as("the frame of a table").isFalse();
      frozen(gfn);
      return answer("split " + gfn + " " + level.number() + " " + pfn + " " + shared);
    }

    @Override
    public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
      assertThat(memory.isFree(sptPfn)).as("the frame of a table").isFalse();
      return answer("free " + gfn + " " + level.number());
    }
  }

  private TdpMmu mmu = new TdpMmu(new Host(0), false);
  private NaiveTables direct = new NaiveTables(5);
  private @Nullable NaiveTables mirror;
  private final VcpuContext vcpu = mock(VcpuContext.class);
  private final PageFault fault = new PageFault();
  private DirtyBitmap log = new DirtyBitmap(1, false);
  private final Set<Long> dirty = new HashSet<>();
  private MemSlot slot = new MemSlot(0, 0, 0, 1, 0, 0, null, 0);

  @ParameterizedTest(name = "{0} levels of a mirror, seed {1}")
  @CsvSource({"0, 1", "0, 2", "4, 3", "4, 4", "5, 5", "5, 6"})
  void agreesWithSetsOfLeavesAndTables(int mirrorLevels, long seed) {
    random = new Random(seed);
    for (int program = 0; program < 8; program++) {
      memory = new PhysicalHost(FRAMES);
      final long frames = memory.allocatedFrames();
      mmu =
          new TdpMmu(
              new Host(mirrorLevels == 0 ? 0 : 1L << (9 * mirrorLevels - 1)), mirrorLevels > 0);
      direct = new NaiveTables(5);
      mirror = mirrorLevels == 0 ? null : new NaiveTables(mirrorLevels);
      log = new DirtyBitmap(4L << 18, false);
      dirty.clear();
      slot = new MemSlot(0, 0, 0, 4L << 18, 0, 0, null, 0).loggedIn(log);
      for (int s = 0; s < STEPS; s++) {
        step();
        agree("program " + program + ", step " + s);
      }
      end();
      assertThat(memory.allocatedFrames()).as("frames after the end").isEqualTo(frames);
    }
  }

  private long gfn() {
    long at = (long) random.nextInt(2) << 18 | (long) random.nextInt(3) << 9 | random.nextInt(4);
    return switch (random.nextInt(6)) {
      case 0 -> at | 511;
      case 1 -> at | 511 << 9;
      case 2 -> at & -512;
      default -> at;
    };
  }

  private void step() {
    refusal = null;
    boolean isPrivate = mirror != null && random.nextBoolean();
    switch (random.nextInt(14)) {
      case 0, 1, 2, 3, 4, 5 -> map(isPrivate);
      case 6, 7 -> zap();
      case 8 -> {
        long start = gfn();
        long end = start + 1 + random.nextInt(1200);
        int from = 1 + random.nextInt(3);
        int to = 1 + random.nextInt(3);
        exclusive(() ->
            assertThat(mmu.protectWrites(start, end, from, to))
                .isEqualTo(protect(start, end, from, to)));
      }
      case 9 -> {
        long start = gfn();
        long end = start + 1 + random.nextInt(1200);
        exclusive(() -> {
          mmu.splitAll(start, end);
          for (At a : List.copyOf(direct.over(start, end).values())) {
            splitDown(direct, a.level(), a.gfn(), start, end);
          }
        });
      }
      case 10 -> {
        refuse(Errno.EIO, Errno.EBUSY);
        long start = gfn();
        long end = gfn() + 1;
        exclusive(
            () -> assertThat(mmu.splitBoundaryLeafs(start, end)).isEqualTo(boundaries(start, end)));
      }
      case 11 -> {
        refuse(Errno.ENOMEM, Errno.EBUSY);
        long at = gfn();
        int level = 1 + random.nextInt(2);
        exclusive(() ->
            assertThat(mmu.splitTo(at, level, isPrivate))
                .isEqualTo(splitTo(tables(isPrivate), at, level)));
      }
      case 12 -> recover();
      default -> {
        if (random.nextInt(4) == 0) {
          mmu.zapAllDirect();
          direct = new NaiveTables(5);
        }
      }
    }
  }

  private void exclusive(Runnable step) {
    lock.lock();
    try {
      step.run();
    } finally {
      lock.unlock();
    }
  }

  private void refuse(Errno... ways) {
    refusal = random.nextInt(3) == 0 ? ways[random.nextInt(ways.length)] : null;
  }

  private NaiveTables tables(boolean isPrivate) {
    NaiveTables m = mirror;
    return isPrivate && m != null ? m : direct;
  }

  private void map(boolean isPrivate) {
    refuse(Errno.EBUSY, Errno.EAGAIN, Errno.EIO);
    NaiveTables t = tables(isPrivate);
    int goal = 1 + (random.nextInt(3) == 0 ? 1 : 0) + (random.nextInt(9) == 0 ? 1 : 0);
    fault.gfn = random.nextInt(20) == 0 ? 1L << (9 * t.top) : gfn();
    fault.write = random.nextBoolean();
    fault.prefetch = random.nextInt(4) == 0;
    fault.isPrivate = isPrivate;
    boolean nowhere = !isPrivate && goal == 1 && random.nextInt(8) == 0;
    fault.slot = nowhere && t.leaf(t.ends(fault.gfn), fault.gfn) == null ? null : slot;
    fault.mapWritable = random.nextInt(3) > 0;
    fault.goalLevel = goal;
    fault.pfn = (random.nextInt(2) + 1L) * NaiveTables.size(goal);
    fault.generation = 7;
    fault.cpu = random.nextInt(20);
    final long pfn = fault.pfn + (fault.gfn - NaiveTables.base(fault.gfn, goal));
    lock.lockShared();
    int got = mmu.map(fault, vcpu);
    lock.unlockShared();
    assertThat(got).as("a fault at %s", fault.gfn).isEqualTo(mapped(t, goal, pfn));
  }

  private int mapped(NaiveTables t, int wanted, long pfnOfGfn) {
    final long gfn = fault.gfn;
    final boolean mirrored = t == mirror;
    if (!t.reaches(gfn)) {
      return -Errno.EFAULT.number();
    }
    int goal = wanted;
    for (int level = t.top; ; level--) {
      if (level == goal && mirrored && t.isTable(level, gfn)) {
        goal--;
      } else if (level == goal) {
        break;
      }
      if (t.isTable(level, gfn)) {
        continue;
      }
      long at = NaiveTables.base(gfn, level);
      Leaf huge = t.leaf(level, gfn);
      if (mirrored) {
        expected.add(
            huge == null
                ? "link " + at + " " + level
                : "split " + at + " " + level + " " + huge.pfn() + " true");
        if (refusal != null) {
          return refusal == Errno.EBUSY
              ? RetPf.RETRY
              : refusal == Errno.EAGAIN
                  ? huge == null ? RetPf.RETRY : RetPf.SPLIT
                  : -refusal.number();
        }
      }
      if (huge == null) {
        t.tables.get(level).add(at);
      } else {
        t.split(level, gfn);
      }
    }
    if (fault.slot == null) {
      return RetPf.EMULATE;
    }
    long at = NaiveTables.base(gfn, goal);
    Leaf now = new Leaf(pfnOfGfn - (gfn - at), fault.mapWritable, fault.isPrivate);
    Leaf old = t.leaf(goal, gfn);
    if (old != null
        && (fault.prefetch || !fault.write || old.writable() || old.equals(now) || mirrored)) {
      return RetPf.SPURIOUS;
    }
    if (mirrored) {
      expected.add("set " + at + " " + goal + " " + now.pfn());
      if (refusal != null) {
        return refusal == Errno.EIO ? -Errno.EIO.number() : RetPf.RETRY;
      }
    } else {
      if (fault.mapWritable) {
        dirty.add(gfn);
      }
      if (t.isTable(goal, gfn) || (old != null && old.pfn() != now.pfn())) {
        expected.add("flush");
      }
      t.cut(goal, gfn);
    }
    t.leaves.get(goal).put(at, now);
    return RetPf.FIXED;
  }

  private void zap() {
    long start = gfn();
    long end = start + 1 + random.nextInt(random.nextBoolean() ? 3 : 1200);
    int roots = 1 + random.nextInt(3);
    refuse(Errno.EIO);
    exclusive(() -> {
      boolean any = false;
      if ((roots & SecondStage.DIRECT) != 0) {
        any = takeAway(direct, start, end, false);
      }
      NaiveTables m = mirror;
      if ((roots & SecondStage.PRIVATE_ROOT) != 0 && m != null) {
        any |= takeAway(m, start, end, true);
      }
      if (any) {
        expected.add("zap " + start + " " + end);
      }
      assertThat(mmu.zapLeafs(start, end, roots, false)).as("to be flushed").isEqualTo(any);
    });
  }

  private boolean takeAway(NaiveTables t, long start, long end, boolean hooks) {
    Map<Long, At> found = t.over(start, end);
    for (At a : found.values()) {
      Leaf leaf = t.leaves.get(a.level()).remove(a.gfn());
      if (hooks && leaf != null) {
        expected.add("remove " + a.gfn() + " " + a.level() + " " + leaf.pfn());
        if (refusal != null) {
          expected.add(
              "bug remove_external_spte gfn 0x" + Long.toHexString(a.gfn()) + ": " + refusal);
        }
      }
    }
    return !found.isEmpty();
  }

  private boolean protect(long start, long end, int from, int to) {
    boolean any = false;
    for (At a : direct.over(start, end).values()) {
      Leaf leaf = direct.leaf(a.level(), a.gfn());
      if (leaf != null && leaf.writable() && a.level() >= from && a.level() <= to) {
        direct.leaves.get(a.level()).put(a.gfn(), new Leaf(leaf.pfn(), false, leaf.isPrivate()));
        any = true;
      }
    }
    return any;
  }

  /** Splits a leaf of the direct root, and what of it overlaps the range, down to 4 KiB. */
  private void splitDown(NaiveTables t, int level, long gfn, long start, long end) {
    if (level == 1 || gfn >= end || gfn + NaiveTables.size(level) <= start) {
      return;
    }
    t.split(level, gfn);
    expected.add("split " + gfn + " " + (gfn + NaiveTables.size(level)));
    for (int k = 0; k < 512; k++) {
      splitDown(t, level - 1, gfn + k * NaiveTables.size(level - 1), start, end);
    }
  }

  private Errno boundaries(long start, long end) {
    NaiveTables t = tables(true);
    for (long bound : new long[] {start, end}) {
      while (t.reaches(bound)) {
        int level = t.ends(bound);
        Leaf leaf = t.leaf(level, bound);
        if (leaf == null || !leaf.isPrivate() || NaiveTables.base(bound, level) == bound) {
          break;
        }
        Errno r = splitOne(t, level, bound);
        if (!r.ok()) {
          return r;
        }
      }
    }
    return Errno.OK;
  }

  private Errno splitTo(NaiveTables t, long gfn, int to) {
    while (true) {
      int level = t.ends(gfn);
      if (level <= to || t.leaf(level, gfn) == null) {
        return Errno.OK;
      }
      Errno r = splitOne(t, level, gfn);
      if (!r.ok()) {
        return r;
      }
    }
  }

  private Errno splitOne(NaiveTables t, int level, long gfn) {
    long at = NaiveTables.base(gfn, level);
    Leaf leaf = t.leaf(level, gfn);
    if (t == mirror && leaf != null) {
      expected.add("split " + at + " " + level + " " + leaf.pfn() + " false");
      if (refusal != null) {
        return refusal;
      }
    }
    t.split(level, gfn);
    expected.add("split " + at + " " + (at + NaiveTables.size(level)));
    return Errno.OK;
  }

  private void recover() {
    long start = gfn();
    long pages = 1L + random.nextInt(1 << (9 + random.nextInt(11)));
    int most = 1 + random.nextInt(3);
    long small = gfn();
    MemSlot part = new MemSlot(0, 1, start, pages, 0, 0, null, 0);
    exclusive(() -> {
      if (direct.recover(start, start + pages, g -> g == small ? 1 : most)) {
        expected.add("flush");
      }
      mmu.recoverHuge(part, (s, g) -> s != part || g == small ? 1 : most);
    });
  }

  private void agree(String when) {
    assertThat(told).as(when).isEqualTo(expected);
    told.clear();
    expected.clear();
    assertThat(leaves(false)).as(when).isEqualTo(leaves(direct));
    NaiveTables m = mirror;
    if (m != null) {
      assertThat(leaves(true)).as(when).isEqualTo(leaves(m));
    }
    for (int level = 1; level <= 3; level++) {
      assertThat(mmu.counters().get(level))
          .as("%s: leaves of level %s", when, level)
          .isEqualTo(direct.leaves(level) + (m == null ? 0 : m.leaves(level)));
    }
    long external = m == null ? 0 : m.tablePages() - 1;
    assertThat(mmu.externalTablePages()).as(when).isEqualTo(external);
    assertThat(mmu.tablePages())
        .as(when)
        .isEqualTo(direct.tablePages() + (m == null ? 0 : m.tablePages()));
    for (int i = 0; i < 20; i++) {
      long gfn = gfn();
      walks(when, gfn, false);
      walks(when, gfn, true);
      assertThat(log.isDirty(gfn))
          .as("%s: the log of %s", when, gfn)
          .isEqualTo(dirty.contains(gfn));
    }
    assertThat(mmu.hasPrivateRoot()).isEqualTo(m != null);
  }

  private void walks(String when, long gfn, boolean isPrivate) {
    NaiveTables t = tables(isPrivate);
    long found = mmu.walk(gfn, isPrivate);
    int level = t.ends(gfn);
    Leaf leaf = t.leaf(level, gfn);
    assertThat(Spte.level(found)).as("%s: the walk of %s", when, gfn).isEqualTo(level);
    assertThat(Spte.isLeaf(found)).as(when).isEqualTo(leaf != null);
    if (leaf != null) {
      assertThat(new Leaf(Spte.pfn(found), Spte.isWritable(found), Spte.isPrivate(found)))
          .as(when)
          .isEqualTo(leaf);
    }
    assertThat(Spte.isLeaf(mmu.walk(1L << 50, isPrivate))).isFalse();
  }

  private Map<Long, String> leaves(boolean ofMirror) {
    TreeMap<Long, String> seen = new TreeMap<>();
    long[] last = {-1};
    mmu.visitLeafs(
        ofMirror,
        (gfn, level, e) -> {
          assertThat(gfn).as("leaves come in order").isGreaterThan(last[0]);
          last[0] = gfn;
          seen.put(gfn, level + " " + new Leaf(Spte.pfn(e), Spte.isWritable(e), Spte.isPrivate(e)));
        });
    return seen;
  }

  private static Map<Long, String> leaves(NaiveTables t) {
    TreeMap<Long, String> all = new TreeMap<>();
    for (int level = 1; level <= t.top; level++) {
      int l = level;
      t.leaves.get(level).forEach((gfn, leaf) -> all.put(gfn, l + " " + leaf));
    }
    return all;
  }

  private void end() {
    refusal = null;
    NaiveTables m = mirror;
    if (m != null) {
      takeAway(m, 0, Long.MAX_VALUE, true);
      m.fromTheLeavesUp().forEach(a -> expected.add("free " + a.gfn() + " " + a.level()));
    }
    exclusive(mmu::destroy);
    assertThat(told).as("the end").isEqualTo(expected);
    told.clear();
    expected.clear();
    for (int level = 1; level <= 3; level++) {
      assertThat(mmu.counters().get(level)).isZero();
    }
    assertThat(mmu.externalTablePages()).isZero();
    assertThat(mmu.tablePages()).isEqualTo(m == null ? 1 : 2);
    assertThat(Spte.isPresent(mmu.walk(gfn(), m != null))).isFalse();
  }
}
