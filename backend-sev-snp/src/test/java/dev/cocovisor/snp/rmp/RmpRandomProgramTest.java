package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Random programs of all RMP instructions: the invariants hold after every step, and immutable
 * pages change only through the firmware.
 */
class RmpRandomProgramTest {
  private static final int PROGRAMS = 40;
  private static final int STEPS = 250;

  @Test
  void invariantsHoldAfterEveryStep() {
    long only = Long.getLong("cocovisor.seed", -1);
    for (long seed = only < 0 ? 0 : only; seed < (only < 0 ? PROGRAMS : only + 1); seed++) {
      try {
        program(seed);
      } catch (AssertionError e) {
        throw new AssertionError(
            "seed "
                + seed
                + "; mvn -pl backend-sev-snp -am test -Dtest=RmpRandomProgramTest"
                + " -Dcocovisor.seed="
                + seed,
            e);
      }
    }
  }

  private static void program(long seed) {
    Random random = new Random(seed);
    Pages p = new Pages(new Rmp(1024, 4, RmpChoices.DEFAULT));
    for (int step = 0; step < STEPS; step++) {
      // Few frames, so that sizes meet each other; both regions' heads are among them.
      long pfn = new long[] {0, 1, 2, 511, 512, 513, 1023}[random.nextInt(7)];
      long gpa = (random.nextBoolean() ? pfn : random.nextInt(4)) << 12;
      boolean huge = random.nextInt(3) == 0;
      if (huge) {
        pfn &= ~511L;
        gpa = pfn << 12;
      }
      int asid = random.nextInt(4);
      CpuMode guest = CpuMode.guest(Math.max(1, asid)).atVmpl(random.nextInt(8) == 0 ? 1 : 0);
      Map<Long, RmpEntry> immutable = new HashMap<>();
      for (long f = 0; f < 1024; f++) {
        RmpEntry e = p.rmp.entry(f);
        if (e.immutable()) {
          immutable.put(f, e);
        }
      }
      int op = random.nextInt(8);
      switch (op) {
        case 0, 1 -> {
          int flags =
              (random.nextInt(4) == 0 ? 0 : HostInstructions.ASSIGN)
                  | (huge ? HostInstructions.SIZE_2M : 0)
                  | (random.nextInt(4) == 0 ? HostInstructions.IMMUTABLE : 0);
          boolean take = (flags & HostInstructions.ASSIGN) == 0;
          long code =
              p.host.rmpupdate(
                  CpuMode.HOST, pfn << 12, take || asid == 0 ? 0 : gpa, flags, take ? 0 : asid);
          assertThat(code).isBetween(0L, 4L);
        }
        case 2 -> assertThat(p.host.psmash(CpuMode.HOST, (pfn & ~511L) << 12)).isLessThan(8);
        case 3, 4 -> {
          long gva = gpa;
          long before = p.rmp.entry(pfn).validated() ? 1 : 0;
          boolean value = random.nextBoolean();
          long out =
              p.guest.pvalidate(guest, gva, huge ? 1 : 0, value, gpa, pfn, random.nextBoolean());
          if (RmpOutcome.carry(out)) {
            assertThat(before == 1).isEqualTo(value);
          } else if (out == 0) {
            assertThat(p.rmp.entry(pfn).validated()).isEqualTo(value);
            assertThat(before == 1).isNotEqualTo(value);
          }
        }
        case 5 -> {
          long attributes = random.nextInt(0x2000) | (random.nextBoolean() ? 1 << 16 : 0);
          long out =
              p.guest.rmpadjust(guest, gpa, huge ? 1 : 0, attributes & ~0xfcL, gpa, pfn, huge);
          assertThat(RmpOutcome.describe(out)).isNotEmpty();
        }
        case 6 -> {
          PageState from = p.rmp.state(pfn);
          PageState to =
              switch (from) {
                case FIRMWARE, METADATA -> PageState.RECLAIM;
                case PRE_GUEST -> PageState.GUEST_VALID;
                case PRE_SWAP -> PageState.GUEST_INVALID;
                case CONTEXT -> PageState.FIRMWARE;
                default -> PageState.INVALID;
              };
          if (to != PageState.INVALID) {
            assertThat(p.port.move(pfn, from, to, 0x1000, false)).isTrue();
            assertThat(p.rmp.state(pfn)).isEqualTo(to);
          }
        }
        default -> {
          boolean joined = p.port.unsmash(pfn & ~511L);
          assertThat(joined).isEqualTo(joined && p.rmp.huge(pfn));
        }
      }
      if (op < 6) {
        long at = step;
        immutable.forEach(
            (f, e) -> assertThat(p.rmp.entry(f)).as("frame %d, step %d", f, at).isEqualTo(e));
      }
      assertThat(RmpInvariants.check(p.rmp)).as("step %d", step).isEmpty();
    }
  }

  @Test
  void invariantsSeeWhatIsWrong() {
    Rmp rmp = new Rmp(512, 8, RmpChoices.DEFAULT);
    RmpRegion r = rmp.regionOf(0);
    r.set(5, RmpRegion.word(3, 2, RmpRegion.ASSIGNED | RmpRegion.HUGE));
    assertThat(RmpInvariants.check(rmp))
        .anyMatch(s -> s.contains("2 MiB entry at page 5"))
        .anyMatch(s -> s.contains("assigned pages, counted 0"))
        .anyMatch(s -> s.contains("ASID 2 owns"));
    r.set(0, RmpRegion.word(1, 0, RmpRegion.ASSIGNED | RmpRegion.HUGE));
    assertThat(RmpInvariants.check(rmp))
        .anyMatch(s -> s.contains("entry of its own"))
        .anyMatch(s -> s.contains("unaligned guest address"));
  }
}
