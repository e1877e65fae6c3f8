package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** RMPUPDATE, PSMASH and RMPREAD: every page state against every operand, with the result. */
class HostInstructionTableTest {
  private static final int A = HostInstructions.ASSIGN;
  private static final int H = HostInstructions.SIZE_2M;
  private static final int I = HostInstructions.IMMUTABLE;
  private static final long GPA = 0x400000;

  /** One way to execute RMPUPDATE. */
  private record Request(String name, long addSpa, long gpa, int flags, int asid, CpuMode cpu) {}

  private static final CpuMode REAL_MODE = new CpuMode(false, 0, 0, 0, false);

  private static final List<Request> REQUESTS =
      List.of(
          new Request("take", 0, 0, 0, 0, CpuMode.HOST),
          new Request("give", 0, GPA, A, Pages.ASID, CpuMode.HOST),
          new Request("other", 0, GPA, A, Pages.OTHER, CpuMode.HOST),
          new Request("fix", 0, GPA, A | I, Pages.ASID, CpuMode.HOST),
          new Request("firm", 0, 0, A | I, 0, CpuMode.HOST),
          new Request("give2M", 0, GPA, A | H, Pages.ASID, CpuMode.HOST),
          new Request("take2M", 0, 0, H, 0, CpuMode.HOST),
          new Request("unaligned", 0x800, GPA, A, Pages.ASID, CpuMode.HOST),
          new Request("outside", 0x1000_0000L, GPA, A, Pages.ASID, CpuMode.HOST),
          new Request("reserved", 0, GPA, A | 2, Pages.ASID, CpuMode.HOST),
          new Request("badasid", 0, GPA, A, Rmp.DEFAULT_ASIDS, CpuMode.HOST),
          new Request("badgpa", 0, GPA + 0x10, A, Pages.ASID, CpuMode.HOST),
          new Request("fixnone", 0, 0, I, 0, CpuMode.HOST),
          new Request("noneasid", 0, 0, 0, Pages.ASID, CpuMode.HOST),
          new Request("inguest", 0, GPA, A, Pages.ASID, CpuMode.guest(Pages.ASID)),
          new Request("cpl3", 0, GPA, A, Pages.ASID, CpuMode.HOST.atCpl(3)),
          new Request("real", 0, GPA, A, Pages.ASID, REAL_MODE));

  // Pages: H the head of a region, S another page of it; 2M a 2 MiB entry seen from its head (2H)
  // or from inside (2S). Columns as REQUESTS; G is #GP, U is #UD.
  private static final String TABLE =
      """
      HYPERVISOR      H   0 0 0 0 0 0 0 1 1 1 1 1 1 1 2 G U
      HYPERVISOR      S   0 0 0 0 0 1 1 1 1 1 1 1 1 1 2 G U
      HV_FIXED        H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      HV_FIXED        S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      FIRMWARE        H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      FIRMWARE        S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      FIRMWARE_IOMMU  H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      FIRMWARE_IOMMU  S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      RECLAIM         H   0 0 0 0 0 0 0 1 1 1 1 1 1 1 2 G U
      RECLAIM         S   0 0 0 0 0 1 1 1 1 1 1 1 1 1 2 G U
      CONTEXT         H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      CONTEXT         S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      METADATA        H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      METADATA        S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      PRE_GUEST       H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      PRE_GUEST       S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      PRE_SWAP        H   2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      PRE_SWAP        S   2 2 2 2 2 1 1 1 1 1 1 1 1 1 2 G U
      GUEST_INVALID   H   0 0 0 0 0 0 0 1 1 1 1 1 1 1 2 G U
      GUEST_INVALID   S   0 0 0 0 0 1 1 1 1 1 1 1 1 1 2 G U
      GUEST_VALID     H   0 0 0 0 0 0 0 1 1 1 1 1 1 1 2 G U
      GUEST_VALID     S   0 0 0 0 0 1 1 1 1 1 1 1 1 1 2 G U
      PRE_GUEST       2H  2 2 2 2 2 2 2 1 1 1 1 1 1 1 2 G U
      PRE_GUEST       2S  4 4 4 4 4 1 1 1 1 1 1 1 1 1 2 G U
      GUEST_INVALID   2H  4 4 4 4 4 0 0 1 1 1 1 1 1 1 2 G U
      GUEST_INVALID   2S  4 4 4 4 4 1 1 1 1 1 1 1 1 1 2 G U
      GUEST_VALID     2H  4 4 4 4 4 0 0 1 1 1 1 1 1 1 2 G U
      GUEST_VALID     2S  4 4 4 4 4 1 1 1 1 1 1 1 1 1 2 G U
      """;

  @TestFactory
  Stream<DynamicTest> rmpupdate() {
    return TABLE
        .lines()
        .flatMap(line -> {
          String[] cell = line.trim().split(" +", -1);
          assertThat(cell).hasSize(2 + REQUESTS.size());
          return Stream.iterate(0, i -> i + 1)
              .limit(REQUESTS.size())
              .map(i ->
                  DynamicTest.dynamicTest(
                      cell[0] + " " + cell[1] + " " + REQUESTS.get(i).name(),
                      () -> cell(cell[0], cell[1], REQUESTS.get(i), cell[2 + i])));
        });
  }

  private static void cell(String state, String place, Request q, String expected) {
    Pages pages = new Pages();
    boolean huge = place.startsWith("2");
    long pfn = place.endsWith("H") ? 512 : 515;
    PageState s = PageState.valueOf(state);
    pages.put(huge ? 512 : pfn, s, GPA, huge);
    RmpEntry before = pages.rmp.entry(pfn);
    long got =
        pages.host.rmpupdate(q.cpu(), (pfn << 12) + q.addSpa(), q.gpa(), q.flags(), q.asid());
    assertThat(got).isEqualTo(outcome(expected));
    RmpEntry after = pages.rmp.entry(pfn);
    if (got == 0) {
      assertThat(after.assigned()).isEqualTo((q.flags() & A) != 0);
      assertThat(after.huge()).isEqualTo((q.flags() & (A | H)) == (A | H));
      assertThat(after.immutable()).isEqualTo((q.flags() & I) != 0);
      assertThat(after.asid()).isEqualTo(q.asid());
      boolean repeated =
          before.asid() == q.asid()
              && q.asid() != 0
              && before.gpa() == q.gpa()
              && before.huge() == after.huge();
      assertThat(after.validated()).isEqualTo(repeated && before.validated());
    } else {
      assertThat(after).isEqualTo(before);
    }
    assertThat(RmpInvariants.check(pages.rmp)).isEmpty();
  }

  private static long outcome(String s) {
    return switch (s) {
      case "G" -> RmpOutcome.GP;
      case "U" -> RmpOutcome.UD;
      default -> Integer.parseInt(s);
    };
  }

  @Test
  void hugeRequestOverAnAssignedSubPageOverlapsForEveryState() {
    for (PageState s : PageState.values()) {
      if (s == PageState.INVALID || s == PageState.DEFAULT) {
        continue;
      }
      Pages pages = new Pages();
      pages.put(600, s, GPA, false);
      boolean assigned = s != PageState.HYPERVISOR && s != PageState.HV_FIXED;
      assertThat(pages.host.rmpupdate(CpuMode.HOST, 512 << 12, GPA, A | H, Pages.ASID))
          .as("%s", s)
          .isEqualTo(assigned ? RmpCode.FAIL_OVERLAP : RmpCode.OK);
    }
  }

  @Test
  void headCountsOnlyInTheOtherReading() {
    RmpChoices d = RmpChoices.DEFAULT;
    RmpChoices other =
        new RmpChoices(
            d.psmashNot2m(),
            d.pvalidateVmpl(),
            d.sizemOnAccess(),
            RmpChoices.OVERLAP_WITH_HEAD,
            d.contention());
    Pages pages = new Pages(new Rmp(2048, 16, other));
    pages.put(512, PageState.GUEST_INVALID, GPA, false);
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 512 << 12, GPA, A | H, Pages.ASID))
        .isEqualTo(RmpCode.FAIL_OVERLAP);
  }

  @Test
  void lockedEntriesAreInUseAndLockedNeighboursOverlap() {
    Pages pages = new Pages();
    RmpRegion r = pages.rmp.regionOf(512);
    assertThat(pages.rmp.take(r, 3)).isZero();
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 515 << 12, GPA, A, 7)).isEqualTo(3);
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 516 << 12, GPA, A, 7)).isEqualTo(4);
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 512 << 12, GPA, A | H, 7)).isEqualTo(3);
    assertThat(pages.host.psmash(CpuMode.HOST, 512 << 12)).isEqualTo(3);
    r.lock.unlock();
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 515 << 12, GPA, A, 7)).isZero();
  }

  // APM volume 2, PSMASH: 512 entries that say what the one said, permissions included.
  @Test
  void psmashGivesEverySmallEntryThePermissionsAndItsOwnAddress() {
    Pages pages = new Pages();
    pages.put(512, PageState.GUEST_VALID, GPA, true);
    RmpRegion r = pages.rmp.regionOf(512);
    r.setPerms(0, 0x030201);
    assertThat(pages.host.psmash(CpuMode.HOST, 512 << 12)).isZero();
    for (int p : new int[] {0, 1, 255, 511}) {
      assertThat(r.perms(p)).as("page %d", p).isEqualTo(0x030201);
      assertThat(pages.rmp.entry(512 + p).gpa()).isEqualTo(GPA + p * 4096L);
    }
  }

  @Test
  void psmashByStateAndOperand() {
    for (PageState s : PageState.values()) {
      if (s == PageState.INVALID || s == PageState.DEFAULT) {
        continue;
      }
      Pages pages = new Pages();
      pages.put(512, s, GPA, false);
      boolean immutable = pages.rmp.entry(512).immutable();
      assertThat(pages.host.psmash(CpuMode.HOST, 512 << 12))
          .as("4K %s", s)
          .isEqualTo(immutable ? RmpCode.FAIL_PERMISSION : RmpCode.FAIL_NOT_2M);
    }
    for (PageState s :
        List.of(
            PageState.PRE_GUEST,
            PageState.PRE_SWAP,
            PageState.GUEST_INVALID,
            PageState.GUEST_VALID,
            PageState.FIRMWARE,
            PageState.RECLAIM)) {
      Pages pages = new Pages();
      pages.put(512, s, GPA, true);
      boolean immutable = pages.rmp.entry(512).immutable();
      assertThat(pages.host.psmash(CpuMode.HOST, 512 << 12))
          .as("2M %s", s)
          .isEqualTo(immutable ? RmpCode.FAIL_PERMISSION : RmpCode.OK);
      assertThat(pages.rmp.subpageCount(512)).isEqualTo(immutable ? 0 : 511);
      assertThat(pages.rmp.state(777)).isEqualTo(s);
      assertThat(RmpInvariants.check(pages.rmp)).isEmpty();
    }
    Pages pages = new Pages();
    pages.put(512, PageState.GUEST_VALID, GPA, true);
    assertThat(pages.host.psmash(CpuMode.guest(7), 512 << 12)).isEqualTo(2);
    assertThat(pages.host.psmash(CpuMode.HOST.atCpl(1), 512 << 12)).isEqualTo(RmpOutcome.GP);
    assertThat(pages.host.psmash(REAL_MODE, 512 << 12)).isEqualTo(RmpOutcome.UD);
    assertThat(pages.host.psmash(CpuMode.HOST, 513 << 12)).isEqualTo(1);
    assertThat(pages.host.psmash(CpuMode.HOST, 1L << 30)).isEqualTo(1);
    assertThat(pages.host.psmash(CpuMode.HOST, 512 << 12)).isZero();
    RmpEntry e = pages.rmp.entry(515);
    assertThat(e.gpa()).isEqualTo(GPA + 0x3000);
    assertThat(e.validated()).isTrue();
    assertThat(e.huge()).isFalse();
    assertThat(pages.rmp.pagesOf(7)).isEqualTo(512);
  }

  @Test
  void psmashNot2mHasTwoReadings() {
    RmpChoices d = RmpChoices.DEFAULT;
    RmpChoices patches =
        new RmpChoices(
            RmpChoices.PSMASH_NOT_2M_BY_PATCHES,
            d.pvalidateVmpl(),
            d.sizemOnAccess(),
            d.headCounts(),
            d.contention());
    assertThat(new Pages().host.psmash(CpuMode.HOST, 0)).isEqualTo(7);
    assertThat(new Pages(new Rmp(2048, 8, patches)).host.psmash(CpuMode.HOST, 0)).isEqualTo(4);
  }

  @Test
  void rmpreadShowsTheOwnSlotOnly() {
    Pages pages = new Pages();
    long[] out = new long[2];
    pages.put(512, PageState.GUEST_VALID, GPA, true);
    assertThat(pages.host.rmpread(CpuMode.HOST, 512 << 12, out)).isZero();
    assertThat(out).containsExactly(GPA, A | H | 7L << 32);
    assertThat(pages.host.rmpread(CpuMode.HOST, 513 << 12, out)).isZero();
    assertThat(out).containsExactly(0, A);
    pages.put(5, PageState.PRE_GUEST, 0x9000, false);
    assertThat(pages.host.rmpread(CpuMode.HOST, 5 << 12, out)).isZero();
    assertThat(out).containsExactly(0x9000, A | I | HostInstructions.REGION_STATUS | 7L << 32);
    assertThat(pages.host.rmpread(CpuMode.guest(7), 0, out)).isEqualTo(2);
    assertThat(pages.host.rmpread(CpuMode.HOST, 0x10, out)).isEqualTo(1);
    assertThat(pages.host.rmpread(CpuMode.HOST, 1L << 40, out)).isEqualTo(1);
    assertThat(pages.host.rmpread(CpuMode.HOST.atCpl(3), 0, out)).isEqualTo(RmpOutcome.GP);
  }

  @Test
  void withoutSnpInstructionsAreUndefined() {
    Pages pages = new Pages();
    pages.rmp.setEnabled(false);
    assertThat(pages.host.rmpupdate(CpuMode.HOST, 0, 0, 0, 0)).isEqualTo(RmpOutcome.UD);
    assertThat(pages.host.psmash(CpuMode.HOST, 0)).isEqualTo(RmpOutcome.UD);
    assertThat(pages.guest.pvalidate(CpuMode.guest(1), 0, 0, true, 0, 0, false))
        .isEqualTo(RmpOutcome.UD);
  }
}
