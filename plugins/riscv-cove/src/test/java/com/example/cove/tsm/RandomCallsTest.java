package com.example.cove.tsm;

import static com.example.cove.tsm.TsmBench.DATA;
import static com.example.cove.tsm.TsmBench.GPA;
import static com.example.cove.tsm.TsmBench.HUGE;
import static com.example.cove.tsm.TsmBench.PAGE;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A host and a guest that call at random: no order of calls breaks an invariant. */
class RandomCallsTest {
  private static final int CALLS = 6_000;

  @Test
  void noOrderOfCallsBreaksAnInvariant() {
    long seed = Long.getLong("seed", System.nanoTime());
    Map<SbiStatus, Integer> answers = new EnumMap<>(SbiStatus.class);
    TsmBench bench = new TsmBench().launch();
    bench.confidential(0x7000_0000L, 64);
    bench.ok(bench.tsm.addTvmPageTablePages(bench.gid, 0x7000_0000L, 64));
    Random random = new Random(seed);
    for (int i = 0; i < CALLS; i++) {
      SbiStatus s = call(bench, random);
      answers.merge(s, 1, Integer::sum);
      List<String> broken = new ArrayList<>();
      if (i % 16 == 0) {
        bench.tsm.checkInvariants(broken::add);
      }
      int at = i;
      assertTrue(
          broken.isEmpty(),
          () ->
              "call "
                  + at
                  + ": "
                  + broken
                  + "; reproduce: mvn -pl plugins/riscv-cove test"
                  + " -Dtest=RandomCallsTest -DargLine=-Dseed="
                  + seed);
    }
    // The walk got somewhere: both sides of most checks were seen.
    assertTrue(answers.getOrDefault(SbiStatus.SUCCESS, 0) > CALLS / 10, answers::toString);
    assertTrue(answers.getOrDefault(SbiStatus.INVALID_ADDRESS, 0) > CALLS / 20, answers::toString);
    bench.leave(); // a TVM that runs cannot be destroyed
    assertTrue(bench.tsm.destroyTvm(bench.gid).ok());
    bench.check();
  }

  private static SbiStatus call(TsmBench b, Random random) {
    Tsm tsm = b.tsm;
    boolean huge = random.nextInt(6) == 0;
    long at = huge ? random.nextInt(4) * HUGE : random.nextInt(4) * HUGE + random.nextInt(6) * PAGE;
    long size = huge ? HUGE : PAGE;
    PageType type = huge ? PageType.PAGE_2MB : PageType.PAGE_4K;
    long gpa = GPA + at;
    long pa = DATA + at;
    return switch (random.nextInt(16)) {
      case 0, 1 -> tsm.convertPages(pa, size / PAGE);
      case 2 -> {
        SbiStatus s = tsm.globalFence(0);
        yield random.nextInt(4) == 0 ? s : tsm.localFence(1);
      }
      case 3 -> tsm.localFence(1);
      case 4 -> tsm.reclaimPages(pa, size / PAGE);
      case 5, 6 -> tsm.addTvmZeroPages(b.gid, pa, type, 1, gpa);
      case 7 -> tsm.addTvmSharedPages(b.gid, pa, type, 1, gpa);
      case 8 -> tsm.tvmInvalidatePages(b.gid, gpa, size);
      case 9 -> tsm.tvmValidatePages(b.gid, gpa, size);
      case 10 -> tsm.tvmFence(b.gid);
      case 11 -> tsm.tvmRemovePages(b.gid, gpa, size);
      case 12 ->
          random.nextBoolean()
              ? tsm.tvmDemotePage(b.gid, gpa, PageType.PAGE_2MB)
              : tsm.tvmPromotePage(b.gid, gpa & -HUGE, PageType.PAGE_2MB);
      case 13 -> {
        tsm.leaveVcpu(b.gid, 0);
        yield tsm.enterVcpu(b.gid, 0);
      }
      case 14 -> {
        tsm.leaveVcpu(b.gid, 0);
        yield SbiStatus.SUCCESS;
      }
      default ->
          tsm.guestCall(
              b.gid,
              0,
              random.nextBoolean()
                  ? GuestCall.SHARE_MEMORY_REGION
                  : GuestCall.UNSHARE_MEMORY_REGION,
              gpa,
              size);
    };
  }
}
