package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random calls by a careless host and realm; the invariants are checked after every one. */
class RandomCallsTest {
  private static final int[][] GEOMETRIES = {{48, 0}, {40, 1}, {34, 2}, {32, 1}, {43, 1}, {41, 0}};

  @Test
  void invariantsHoldAfterEveryCallOfShortPrograms() {
    for (long seed = 0; seed < 30; seed++) {
      run(seed, 150);
    }
  }

  @Tag("slow")
  @Test
  void invariantsHoldAfterEveryCallOfManyPrograms() {
    for (long seed = 1000; seed < 1300; seed++) {
      run(seed, 400);
    }
  }

  private static void run(long seed, int steps) {
    try {
      new Program(seed).run(steps);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          "seed "
              + seed
              + "; reproduce: new Program("
              + seed
              + "L).run("
              + steps
              + ") in RandomCallsTest: "
              + e.getMessage(),
          e);
    }
  }

  private static final class Program {
    private final Random random;
    private final Bench b = new Bench();
    private final List<Long> realms = new ArrayList<>();
    private final List<Long> recs = new ArrayList<>();
    private final List<Long> ipas = new ArrayList<>();
    private long running;

    /** Pages of the realm whose content was lost and that the realm did not yet ask back. */
    private final Set<Long> lost = new HashSet<>();

    Program(long seed) {
      random = new Random(seed);
      int[] geometry = GEOMETRIES[random.nextInt(GEOMETRIES.length)];
      realms.add(b.realm(1, geometry[0], geometry[1]));
      realms.add(b.realm(2, 48, 0));
      recs.add(b.rec(realms.get(0), 0));
      recs.add(b.rec(realms.get(0), 1));
      long half = 1L << (geometry[0] - 1);
      for (long base :
          new long[] {0, Bench.MB2, 1L << 30, half - Bench.MB2, half, half + Bench.MB2}) {
        for (int i = 0; i < 3; i++) {
          ipas.add(base + i * Bench.PAGE);
        }
      }
    }

    void run(int steps) {
      for (int i = 0; i < steps; i++) {
        step();
        b.check();
        lostStaysLost();
      }
    }

    private <T> T pick(List<T> list) {
      return list.get(random.nextInt(list.size()));
    }

    private long rd() {
      return random.nextInt(8) == 0 ? pick(realms) : realms.getFirst();
    }

    private long ipa(int level) {
      return pick(ipas) & (random.nextInt(6) == 0 ? -1L : -Geometry.entrySize(level));
    }

    private void step() {
      long rd = rd();
      int level = random.nextInt(5) - (random.nextInt(9) == 0 ? 1 : 0);
      long ipa = ipa(Math.clamp(level, 0, 3));
      switch (random.nextInt(16)) {
        case 0, 1, 2 ->
            b.rmm.rttCreate(b.pe, rd, b.delegated(), ipa(Math.clamp(level - 1, 0, 3)), level);
        case 3 -> {
          long at = ipa(Math.clamp(level - 1, 0, 3));
          if (b.rmm.rttDestroy(b.pe, rd, at, level) == Status.SUCCESS && rd == realms.getFirst()) {
            lost.addAll(
                ipas.stream()
                    .filter(
                        p -> p >>> Geometry.shift(level - 1) == at >>> Geometry.shift(level - 1))
                    .toList());
          }
        }
        case 4 -> b.rmm.rttFold(b.pe, rd, ipa(Math.clamp(level - 1, 0, 3)), level);
        case 5, 6 -> b.rmm.dataCreateUnknown(b.pe, rd, b.delegated(), ipa);
        case 7 -> {
          if (b.rmm.dataCreate(b.pe, rd, b.delegated(), ipa, b.ns(), random.nextInt(3)) == 0) {
            forget(rd, ipa, ipa + Bench.PAGE);
          }
        }
        case 8 -> destroyData(rd, ipa);
        case 9 -> b.rmm.rttInitRipas(b.pe, rd, ipa, ipa + (Bench.PAGE << random.nextInt(20)));
        case 10 -> b.rmm.rttMapUnprotected(b.pe, rd, ipa, level, ipa & 0xffff_f000L);
        case 11 -> b.rmm.rttUnmapUnprotected(b.pe, rd, ipa, level);
        case 12 -> b.rmm.realmActivate(b.pe, realms.getFirst());
        case 13 -> b.rmm.granuleUndelegate(b.pe, Bench.granule(0x1000 + random.nextInt(400)));
        case 14 -> enterOrChange();
        default -> act();
      }
    }

    private void destroyData(long rd, long ipa) {
      boolean ram = false;
      if (b.rmm.rttReadEntry(b.pe, rd, ipa & -Bench.PAGE, 3) == Status.SUCCESS) {
        ram = b.pe.x4() != Rtte.RIPAS_EMPTY;
      }
      if (b.rmm.dataDestroy(b.pe, rd, ipa) == Status.SUCCESS && ram && rd == realms.getFirst()) {
        lost.add(ipa);
      }
    }

    private void enterOrChange() {
      if (running != 0) {
        b.rmm.realmSide().interrupt(running, random.nextBoolean());
        running = 0;
        return;
      }
      long rec = pick(recs);
      if (random.nextBoolean()) {
        Rec content = Rec.of(b.rmm.granules(), b.rmm.granules().find(rec));
        long base = content.ripasAddr;
        if (b.rmm.rttSetRipas(b.pe, realms.getFirst(), rec, base, content.ripasTop)
                == Status.SUCCESS
            && content.ripasChangeDestroyed) {
          forget(realms.getFirst(), base, b.pe.x1());
        }
      } else if (b.rmm.recEnter(b.pe, rec, b.ns()) == Status.SUCCESS && b.pe.entered()) {
        running = rec;
      }
    }

    /** The running REC asks for a change of RIPAS or touches memory. */
    private void act() {
      if (running == 0) {
        return;
      }
      long base = pick(ipas);
      if (random.nextBoolean()) {
        long top = base + (Bench.PAGE << random.nextInt(12));
        RealmSide.Outcome outcome =
            b.rmm
                .realmSide()
                .call(
                    b.pe,
                    running,
                    RsiCall.RSI_IPA_STATE_SET.fid(),
                    base,
                    top,
                    random.nextInt(2),
                    random.nextInt(2));
        running = outcome.exited() ? 0 : running;
      } else if (b.rmm.realmSide().access(b.pe, running, base, random.nextBoolean(), false)
          == RealmSide.Access.EXIT) {
        running = 0;
      }
    }

    private void forget(long rd, long from, long to) {
      if (rd == realms.getFirst()) {
        lost.removeIf(p -> p >= from && p < to);
      }
    }

    private void lostStaysLost() {
      for (long p : lost) {
        if (b.rmm.rttReadEntry(b.pe, realms.getFirst(), p, 3) == Status.SUCCESS && !isShared(p)) {
          assertThat(b.pe.x4()).as("lost page %x", p).isEqualTo(Rtte.RIPAS_DESTROYED);
        }
      }
    }

    private boolean isShared(long ipa) {
      Realm realm = Realm.of(b.rmm.granules(), b.rmm.granules().find(realms.getFirst()));
      return !realm.geometry.isProtected(ipa);
    }
  }
}
