package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.DirectMap;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.snp.rmp.RmpAccess.Kind;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.mockito.Mockito;

/** Which access is checked for what: the tables of the architecture, row by row. */
class RmpAccessTableTest {
  private static final long GPA = 0x400000;

  // Columns: host write; other guest's write, read, table walk; SNP guest C=1 read, write, fetch,
  // table walk; SNP guest C=0 write, read.  . allowed, P #PF, N #NPF RMP, V #VC 0x404.
  private static final String TABLE =
      """
      HYPERVISOR      . . . .  N N N N  . .
      HV_FIXED        . . . .  N N N N  . .
      FIRMWARE        P N . N  N N N N  N .
      FIRMWARE_IOMMU  P N . N  N N N N  N .
      RECLAIM         P N . N  N N N N  N .
      CONTEXT         P N . N  N N N N  N .
      METADATA        P N . N  N N N N  N .
      PRE_GUEST       P N . N  N N N N  N .
      PRE_SWAP        P N . N  N N N N  N .
      GUEST_INVALID   P N . N  V V V V  N .
      GUEST_VALID     P N . N  . . . .  N .
      """;

  @TestFactory
  Stream<DynamicTest> table() {
    return TABLE
        .lines()
        .flatMap(line -> {
          String[] c = line.trim().split(" +", -1);
          return Stream.of(false, true)
              .flatMap(huge ->
                  Stream.iterate(0, i -> i + 1)
                      .limit(10)
                      .map(i ->
                          DynamicTest.dynamicTest(
                              c[0] + (huge ? " 2M" : " 4K") + " column " + i,
                              () -> cell(c[0], huge, i, c[1 + i]))));
        });
  }

  private static void cell(String name, boolean huge, int column, String expected) {
    PageState state = PageState.valueOf(name);
    Pages p = new Pages();
    p.put(512, state, GPA, huge && state != PageState.HV_FIXED);
    RmpAccess a = new RmpAccess(p.rmp);
    CpuMode g = CpuMode.guest(Pages.ASID);
    List<Kind> kinds =
        List.of(
            Kind.WRITE,
            Kind.WRITE,
            Kind.READ,
            Kind.TABLE_READ,
            Kind.READ,
            Kind.WRITE,
            Kind.FETCH,
            Kind.TABLE_WRITE,
            Kind.WRITE,
            Kind.READ);
    Kind k = kinds.get(column);
    // A page inside the 2 MiB entry, so that the head has to be consulted.
    long pfn = huge ? 520 : 512;
    long gpa = huge ? GPA + 0x8000 : GPA;
    long got =
        column == 0
            ? a.hostWrite(pfn, false, false)
            : column < 4
                ? a.otherGuest(pfn, k, false)
                : a.snpGuest(g, gpa, pfn, huge, k, column < 8);
    if (huge && state == PageState.HV_FIXED) {
      return;
    }
    switch (expected) {
      case "." -> assertThat(got).isZero();
      case "V" -> assertThat(got).isEqualTo(RmpOutcome.NOT_VALIDATED);
      case "P" -> {
        assertThat(RmpOutcome.isPageFault(got)).isTrue();
        assertThat(RmpOutcome.errorCode(got)).isEqualTo(1L << 31 | 3);
      }
      default -> {
        assertThat(RmpOutcome.isNestedFault(got)).isTrue();
        long e = RmpOutcome.errorCode(got);
        assertThat(e & RmpOutcome.RMP).isNotZero();
        assertThat((e & RmpOutcome.ENC) != 0).isEqualTo(column >= 4 && column < 8);
        assertThat((e & RmpOutcome.GUEST_PAGE) != 0).isEqualTo(k.table());
        assertThat((e & RmpOutcome.GUEST_FINAL) != 0).isEqualTo(!k.table());
        assertThat((e & RmpOutcome.WRITE) != 0).isEqualTo(k.writes());
        assertThat((e & RmpOutcome.FETCH) != 0).isEqualTo(k.fetches());
      }
    }
  }

  @Test
  void checksOfAPrivateAccessHaveTheirOrder() {
    // Each step mends what the step before found; what is found next comes later in the order.
    Pages p = new Pages();
    RmpAccess a = new RmpAccess(p.rmp);
    CpuMode g = CpuMode.guest(Pages.ASID).atVmpl(1);
    long rmpFault =
        RmpOutcome.nestedFault(
            RmpOutcome.PRESENT
                | RmpOutcome.USER
                | RmpOutcome.GUEST_FINAL
                | RmpOutcome.ENC
                | RmpOutcome.RMP);
    assertThat(a.snpGuest(g, GPA, 1L << 30, false, Kind.READ, true)).isEqualTo(rmpFault);
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isEqualTo(rmpFault);
    p.update(512, GPA, HostInstructions.ASSIGN, Pages.OTHER);
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isEqualTo(rmpFault);
    p.update(512, GPA + 0x1000, HostInstructions.ASSIGN, Pages.ASID);
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isEqualTo(rmpFault);
    p.update(512, GPA, HostInstructions.ASSIGN | HostInstructions.IMMUTABLE, Pages.ASID);
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isEqualTo(rmpFault);
    assertThat(p.port.move(512, PageState.PRE_GUEST, PageState.GUEST_INVALID, 0, false)).isTrue();
    assertThat(a.snpGuest(g, GPA, 512, true, Kind.READ, true)).isEqualTo(rmpFault);
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isEqualTo(RmpOutcome.NOT_VALIDATED);
    CpuMode zero = g.atVmpl(0);
    assertThat(p.guest.pvalidate(zero, GPA, 0, true, GPA, 512, false)).isZero();
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true))
        .isEqualTo(rmpFault | RmpOutcome.VMPL);
    assertThat(p.guest.rmpadjust(zero, GPA, 0, 0x101, GPA, 512, false)).isZero();
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isZero();
    assertThat(
            RmpOutcome.errorCode(a.snpGuest(g, GPA, 512, false, Kind.WRITE, true))
                & RmpOutcome.VMPL)
        .isNotZero();
  }

  @Test
  void vmplPermissionOfEachKindOfAccess() {
    for (Kind k : Kind.values()) {
      for (int perms = 0; perms < 32; perms++) {
        Pages p = new Pages();
        p.put(512, PageState.GUEST_VALID, GPA, false);
        CpuMode g = CpuMode.guest(Pages.ASID);
        assertThat(p.guest.rmpadjust(g, GPA, 0, perms << 8 | 2, GPA, 512, false)).isZero();
        int needed =
            switch (k) {
              case READ, TABLE_READ -> 1;
              case WRITE, TABLE_WRITE -> 2;
              case FETCH_USER -> 4;
              case FETCH -> 8;
              case SHADOW_STACK -> 16;
            };
        long got = new RmpAccess(p.rmp).snpGuest(g.atVmpl(2), GPA, 512, false, k, true);
        assertThat(got == 0).as("%s with %x", k, perms).isEqualTo((perms & needed) != 0);
      }
    }
  }

  @Test
  void sizeMismatchesRowByRow() {
    Pages p = new Pages();
    p.put(512, PageState.GUEST_VALID, GPA, true);
    p.put(1024, PageState.GUEST_VALID, 0x800000, false);
    RmpAccess a = new RmpAccess(p.rmp);
    CpuMode g = CpuMode.guest(Pages.ASID);
    // Guest operation 4K on a 2M entry: #NPF with RMP and SIZEM; PSMASH resolves it.
    long op = p.guest.pvalidate(g, GPA, 0, false, GPA, 512, true);
    assertThat(RmpOutcome.errorCode(op) & (RmpOutcome.RMP | RmpOutcome.SIZEM))
        .isEqualTo(RmpOutcome.RMP | RmpOutcome.SIZEM);
    // Access through a 4K nested mapping of a 2M entry: #NPF with RMP.
    long access = a.snpGuest(g, GPA, 512, false, Kind.READ, true);
    assertThat(RmpOutcome.errorCode(access) & (RmpOutcome.RMP | RmpOutcome.SIZEM))
        .isEqualTo(RmpOutcome.RMP);
    // Access through a 2M nested mapping of a 4K entry: #NPF.
    assertThat(RmpOutcome.isNestedFault(a.snpGuest(g, 0x800000, 1024, true, Kind.READ, true)))
        .isTrue();
    // Guest operation 2M on a 4K entry: FAIL_SIZEMISMATCH in the guest.
    assertThat(p.guest.pvalidate(g, 0x800000, 1, true, 0x800000, 1024, true)).isEqualTo(6);
    assertThat(p.host.psmash(CpuMode.HOST, 512 << 12)).isZero();
    assertThat(a.snpGuest(g, GPA, 512, false, Kind.READ, true)).isZero();
    assertThat(p.guest.pvalidate(g, GPA, 0, false, GPA, 512, false)).isZero();
    RmpChoices d = RmpChoices.DEFAULT;
    RmpChoices sizem =
        new RmpChoices(
            d.psmashNot2m(),
            d.pvalidateVmpl(),
            RmpChoices.SIZEM_FOR_ACCESSES_TOO,
            d.headCounts(),
            d.contention());
    Pages q = new Pages(new Rmp(2048, 16, sizem));
    q.put(512, PageState.GUEST_VALID, GPA, true);
    long other = new RmpAccess(q.rmp).snpGuest(g, GPA, 512, false, Kind.READ, true);
    assertThat(other).isEqualTo(access | RmpOutcome.SIZEM);
  }

  @Test
  void hostWritesThroughLargeMappingsNeedTheWholeRegion() {
    Pages p = new Pages();
    RmpAccess a = new RmpAccess(p.rmp);
    assertThat(a.hostWrite(513, true, true)).isZero();
    p.put(700, PageState.GUEST_INVALID, GPA, false);
    assertThat(a.hostWrite(513, false, false)).isZero();
    assertThat(a.hostWrite(513, true, false)).isNotZero();
    assertThat(RmpOutcome.errorCode(a.hostWrite(513, true, true)) & RmpOutcome.USER).isNotZero();
    assertThat(a.hostWrite(1L << 40, true, false)).isZero();
  }

  @Test
  void guardFollowsTheDirectMapAndTheAsid() {
    Pages p = new Pages();
    DirectMap map = Mockito.mock(DirectMap.class);
    RmpGuard guard = new RmpGuard(p.rmp, map, asid -> asid == Pages.ASID);
    p.put(600, PageState.GUEST_VALID, GPA, false);
    Accessor own = new Accessor(Accessor.Kind.GUEST, 1, Pages.ASID);
    Accessor plainSev = new Accessor(Accessor.Kind.GUEST, 2, 20);
    Accessor shared = new Accessor(Accessor.Kind.GUEST, 1, 0);
    Accessor firmware = new Accessor(Accessor.Kind.FIRMWARE, 0, 0);
    assertThat(guard.check(Accessor.HOST_KERNEL, 513, true)).isEqualTo(Verdict.FAULT);
    Mockito.when(map.isSplit(Mockito.anyLong())).thenReturn(true);
    assertThat(guard.check(Accessor.HOST_KERNEL, 513, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(Accessor.HOST_KERNEL, 600, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(Accessor.HOST_KERNEL, 600, false)).isEqualTo(Verdict.CIPHER);
    assertThat(guard.check(Accessor.HOST_USER, 600, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(Accessor.DEVICE, 600, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(firmware, 600, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(own, 600, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(own, 601, false)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(plainSev, 600, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(plainSev, 600, false)).isEqualTo(Verdict.CIPHER);
    // What no guest of the RMP owns a SEV guest sees through its key.
    assertThat(guard.check(plainSev, 601, true)).isEqualTo(Verdict.CIPHER);
    assertThat(guard.check(plainSev, 601, false)).isEqualTo(Verdict.CIPHER);
    // With the C-bit off even the owner sees ciphertext and cannot write.
    assertThat(guard.check(shared, 600, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(shared, 600, false)).isEqualTo(Verdict.CIPHER);
    assertThat(guard.check(shared, 601, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(shared, 601, false)).isEqualTo(Verdict.ALLOW);
  }

  @Test
  void vmrunChecksItsPages() {
    Pages p = new Pages();
    RmpAccess a = new RmpAccess(p.rmp);
    CpuMode g = CpuMode.guest(Pages.ASID);
    long vmsaGpa = 0xFFFF_FFFF_F000L;
    p.put(100, PageState.PRE_GUEST, vmsaGpa, false);
    for (long wrong : new long[] {-1, 100, 5, 1L << 40}) {
      assertThat(a.vmrun(1, -1, wrong, vmsaGpa, g)).isEqualTo(RmpOutcome.VMEXIT_INVALID);
    }
    assertThat(p.port.move(100, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, false)).isTrue();
    assertThat(a.vmrun(1, -1, 100, vmsaGpa, g)).isEqualTo(RmpOutcome.VMEXIT_INVALID);
    assertThat(p.guest.rmpadjust(g, 0, 0, 0x10001, vmsaGpa, 100, false)).isZero();
    assertThat(a.vmrun(1, -1, 100, 0x5000, g)).isEqualTo(RmpOutcome.VMEXIT_INVALID);
    assertThat(a.vmrun(100, -1, 100, vmsaGpa, g)).isEqualTo(RmpOutcome.GP);
    assertThat(a.vmrun(1, 100, 100, vmsaGpa, g)).isEqualTo(RmpOutcome.VMEXIT_INVALID);
    assertThat(a.vmrun(1, 2, 100, vmsaGpa, g)).isZero();
    for (long pfn : Arrays.asList(1L, 2L, 100L)) {
      assertThat(p.host.rmpupdate(CpuMode.HOST, pfn << 12, 0, 0, 0)).isEqualTo(3);
    }
    assertThat(p.host.rmpupdate(CpuMode.HOST, 0, 0, HostInstructions.SIZE_2M, 0)).isEqualTo(3);
    a.vmexit(1, 2, 100);
    assertThat(p.host.rmpupdate(CpuMode.HOST, 100 << 12, 0, 0, 0)).isZero();
    // The first frame there is can be a VMSA like any other.
    p.put(0, PageState.PRE_GUEST, 0, false);
    assertThat(p.port.move(0, PageState.PRE_GUEST, PageState.GUEST_VALID, 0, false)).isTrue();
    assertThat(p.guest.rmpadjust(g, 0, 0, 0x10001, 0, 0, false)).isZero();
    assertThat(a.vmrunCheck(1, -1, 0, 0, g)).isZero();
    // Guests without SNP have no VMSA in the RMP to check.
    assertThat(a.vmrun(1, -1, -1, 0, new CpuMode(true, 0, 3, 0, false))).isZero();
  }
}
