package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** PVALIDATE, RMPADJUST and RMPQUERY: every page state and operand, with the result. */
class GuestInstructionTableTest {
  private static final long GPA = 0x400000;
  private static final long NPF =
      RmpOutcome.nestedFault(
          RmpOutcome.PRESENT
              | RmpOutcome.USER
              | RmpOutcome.RMP
              | RmpOutcome.GUEST_FINAL
              | RmpOutcome.ENC);
  private static final long NPF_SIZEM =
      RmpOutcome.nestedFault(
          RmpOutcome.PRESENT
              | RmpOutcome.USER
              | RmpOutcome.RMP
              | RmpOutcome.GUEST_FINAL
              | RmpOutcome.ENC
              | RmpOutcome.SIZEM);

  // Columns: PVALIDATE(1) 4K, PVALIDATE(0) 4K, RMPADJUST 4K, RMPQUERY; then 2M of the first three.
  // N #NPF with RMP, S the same with SIZEM, C completed with CF, V #VC 0x404, 6 size mismatch.
  private static final String TABLE =
      """
      HYPERVISOR      4K  N N N N  N N N
      HV_FIXED        4K  N N N N  N N N
      FIRMWARE        4K  N N N N  N N N
      FIRMWARE_IOMMU  4K  N N N N  N N N
      RECLAIM         4K  N N N N  N N N
      CONTEXT         4K  N N N N  N N N
      METADATA        4K  N N N N  N N N
      PRE_GUEST       4K  N N N N  N N N
      PRE_SWAP        4K  N N N N  N N N
      GUEST_INVALID   4K  0 C V V  6 6 V
      GUEST_VALID     4K  C 0 0 0  6 6 6
      PRE_GUEST       2M  N N N N  N N N
      PRE_SWAP        2M  N N N N  N N N
      GUEST_INVALID   2M  S S S V  0 C V
      GUEST_VALID     2M  S S S 0  C 0 0
      """;

  @TestFactory
  Stream<DynamicTest> table() {
    return TABLE
        .lines()
        .flatMap(line -> {
          String[] c = line.trim().split(" +", -1);
          return Stream.iterate(0, i -> i + 1)
              .limit(7)
              .map(i ->
                  DynamicTest.dynamicTest(
                      c[0] + " " + c[1] + " column " + i,
                      () -> cell(PageState.valueOf(c[0]), c[1].equals("2M"), i, c[2 + i])));
        });
  }

  private static void cell(PageState state, boolean huge, int column, String expected) {
    Pages p = new Pages();
    p.put(512, state, GPA, huge);
    CpuMode g = CpuMode.guest(Pages.ASID);
    long[] out = new long[2];
    int size = column >= 4 ? 1 : 0;
    RmpEntry before = p.rmp.entry(512);
    long got =
        switch (column) {
          case 0, 4 -> p.guest.pvalidate(g, GPA, size, true, GPA, 512, huge);
          case 1, 5 -> p.guest.pvalidate(g, GPA, size, false, GPA, 512, huge);
          case 2, 6 -> p.guest.rmpadjust(g, GPA, size, 0x301, GPA, 512, huge);
          default -> p.guest.rmpquery(g, 1, GPA, 512, out);
        };
    long want =
        switch (expected) {
          case "N" -> NPF;
          case "S" -> NPF_SIZEM;
          case "C" -> RmpOutcome.CF;
          case "V" -> RmpOutcome.NOT_VALIDATED;
          default -> Integer.parseInt(expected);
        };
    assertThat(RmpOutcome.describe(got)).isEqualTo(RmpOutcome.describe(want));
    assertThat(got).isEqualTo(want);
    RmpEntry after = p.rmp.entry(512);
    if (got != 0) {
      assertThat(after).isEqualTo(before);
    } else if (column == 0 || column == 4) {
      assertThat(after.state()).isEqualTo(PageState.GUEST_VALID);
    } else if (column == 1 || column == 5) {
      assertThat(after.state()).isEqualTo(PageState.GUEST_INVALID);
    } else if (column == 2 || column == 6) {
      assertThat(after.perms()).isEqualTo(3);
    } else {
      assertThat(out).containsExactly(huge ? 1 : 0, 1);
    }
    assertThat(RmpInvariants.check(p.rmp)).isEmpty();
  }

  @Test
  void operandsComeBeforeTheWalk() {
    Pages p = new Pages();
    CpuMode g = CpuMode.guest(Pages.ASID);
    assertThat(p.guest.pvalidate(g, GPA + 0x1000, 1, true, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.pvalidate(g, GPA + 8, 0, true, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.pvalidate(g, GPA, 2, true, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.pvalidate(g, GPA, -1, true, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.pvalidate(g.atCpl(3), GPA, 2, true, GPA, 512, true))
        .isEqualTo(RmpOutcome.GP);
    assertThat(p.guest.pvalidate(g.atVmpl(1), GPA, 2, true, GPA, 512, true))
        .isEqualTo(RmpOutcome.GP);
    assertThat(p.guest.pvalidate(CpuMode.HOST, GPA, 0, true, GPA, 512, true))
        .isEqualTo(RmpOutcome.UD);
    assertThat(p.guest.pvalidate(new CpuMode(false, 0, 7, 0, true), GPA, 0, true, GPA, 512, true))
        .isEqualTo(RmpOutcome.UD);
    assertThat(p.guest.rmpadjust(g, GPA + 0x1000, 1, 1, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.rmpadjust(g, GPA, 3, 1, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.rmpadjust(g, GPA, 0, 4, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.rmpadjust(g, GPA, 0, 0x2001, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.rmpadjust(g, GPA, 0, 1 << 17, GPA, 512, true)).isEqualTo(1);
    assertThat(p.guest.rmpadjust(g, GPA, 0, 0, GPA, 512, true)).isEqualTo(2);
    assertThat(p.guest.rmpadjust(g.atVmpl(2), GPA, 0, 2, GPA, 512, true)).isEqualTo(2);
    assertThat(p.guest.rmpquery(g.atVmpl(2), 2, GPA, 512, new long[2])).isEqualTo(2);
    assertThat(p.guest.rmpquery(g, 0, GPA, 512, new long[2])).isEqualTo(2);
    assertThat(p.guest.rmpquery(g, 4, GPA, 512, new long[2])).isEqualTo(2);
    // Nothing mapped in the nested table: an ordinary #NPF, without the RMP bit.
    long unmapped =
        RmpOutcome.nestedFault(RmpOutcome.USER | RmpOutcome.GUEST_FINAL | RmpOutcome.ENC);
    assertThat(p.guest.pvalidate(g, GPA, 0, true, GPA, -1, false)).isEqualTo(unmapped);
  }

  @Test
  void pvalidateAboveVmplZeroHasTwoReadings() {
    RmpChoices d = RmpChoices.DEFAULT;
    RmpChoices other =
        new RmpChoices(
            d.psmashNot2m(),
            RmpChoices.VmplFailure.FAIL_PERMISSION,
            d.sizemOnAccess(),
            d.headCounts(),
            d.contention());
    Pages p = new Pages(new Rmp(2048, 16, other));
    assertThat(p.guest.pvalidate(CpuMode.guest(7).atVmpl(3), GPA, 0, true, GPA, 512, false))
        .isEqualTo(RmpCode.FAIL_PERMISSION);
  }

  @Test
  void everyOwnershipConditionFaults() {
    Pages p = new Pages();
    p.put(512, PageState.GUEST_VALID, GPA, false);
    CpuMode g = CpuMode.guest(Pages.ASID);
    assertThat(p.guest.pvalidate(CpuMode.guest(Pages.OTHER), GPA, 0, true, GPA, 512, false))
        .isEqualTo(NPF);
    // The reverse map: the guest's table says another address than the RMP.
    assertThat(p.guest.pvalidate(g, GPA, 0, true, GPA + 0x1000, 512, false)).isEqualTo(NPF);
    assertThat(p.guest.pvalidate(g, GPA, 0, true, GPA, 1L << 30, false)).isEqualTo(NPF);
    assertThat(p.guest.pvalidate(g, GPA + 0x5000, 0, true, GPA, 512, false))
        .isEqualTo(RmpOutcome.CF);
  }

  @Test
  void guest2mOn4kNestedMappingIsASizeMismatch() {
    Pages p = new Pages();
    p.put(512, PageState.GUEST_INVALID, GPA, true);
    assertThat(p.guest.pvalidate(CpuMode.guest(7), GPA, 1, true, GPA, 512, false)).isEqualTo(6);
  }

  @Test
  void vmplPermissionsOnlyShrinkDownTheLevels() {
    Pages p = new Pages();
    p.put(512, PageState.GUEST_VALID, GPA, false);
    CpuMode g = CpuMode.guest(Pages.ASID);
    long[] out = new long[2];
    assertThat(p.guest.rmpadjust(g, GPA, 0, 0x0301, GPA, 512, false)).isZero();
    assertThat(p.guest.rmpadjust(g.atVmpl(1), GPA, 0, 0x0402, GPA, 512, false)).isEqualTo(2);
    assertThat(p.guest.rmpadjust(g.atVmpl(1), GPA, 0, 0x0102, GPA, 512, false)).isZero();
    assertThat(p.guest.rmpquery(g, 1, GPA, 512, out)).isZero();
    assertThat(out).containsExactly(0, 0x301);
    assertThat(p.guest.rmpquery(g.atVmpl(1), 2, GPA, 512, out)).isZero();
    assertThat(out).containsExactly(0, 0x102);
    assertThat(p.guest.rmpquery(g, 3, GPA, 512, out)).isZero();
    assertThat(out).containsExactly(0, 3);
    // Only VMPL 0 makes a VMSA; elsewhere the bit is ignored.
    assertThat(p.guest.rmpadjust(g.atVmpl(1), GPA, 0, 0x10102, GPA, 512, false)).isZero();
    assertThat(p.rmp.entry(512).vmsa()).isFalse();
    assertThat(p.guest.rmpadjust(g, GPA, 0, 0x10301, GPA, 512, false)).isZero();
    assertThat(p.rmp.entry(512).vmsa()).isTrue();
    assertThat(p.guest.rmpadjust(g, GPA, 0, 0x00301, GPA, 512, false)).isZero();
    assertThat(p.rmp.entry(512).vmsa()).isFalse();
  }

  @Test
  void contentionLooksLikeASpuriousFault() {
    Pages p = new Pages();
    p.put(512, PageState.GUEST_INVALID, GPA, false);
    RmpRegion r = p.rmp.regionOf(512);
    assertThat(p.rmp.take(r, 0)).isZero();
    CpuMode g = CpuMode.guest(7);
    assertThat(p.guest.pvalidate(g, GPA, 0, true, GPA, 512, false)).isEqualTo(NPF);
    r.lock.unlock();
    assertThat(p.guest.pvalidate(g, GPA, 0, true, GPA, 512, false)).isZero();
  }
}
