package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is shown of the RMP, how its refusals read, and that each broken invariant is told. */
class RmpWordsTest {
  private static final PageState[] STATES = {
    PageState.GUEST_VALID,
    PageState.GUEST_INVALID,
    PageState.PRE_GUEST,
    PageState.PRE_SWAP,
    PageState.FIRMWARE,
    PageState.FIRMWARE_IOMMU,
    PageState.RECLAIM,
    PageState.CONTEXT,
    PageState.METADATA,
    PageState.HV_FIXED
  };

  private final Pages pages = new Pages(new Rmp(3 * 512 + 3));
  private final Rmp rmp = pages.rmp;

  RmpWordsTest() {
    // Frame 3 and behind, at gpa 0x5000 and behind: a page in each state.
    for (int i = 0; i < STATES.length; i++) {
      pages.put(3 + i, STATES[i], 0x5000 + i * 0x1000L, false);
    }
    pages.put(512, PageState.GUEST_VALID, 0x40_0000, true);
    pages.put(3 * 512 + 2, PageState.GUEST_INVALID, 0x9000, false);
  }

  @Test
  void assignedEntriesAreShownWithWhoHasThem() {
    List<String> all = new ArrayList<>();
    rmp.show((first, n, order, gfn, kind, state) ->
        all.add("%d+%d %d gfn %d %s %s".formatted(first, n, order, gfn, kind, state)));
    assertThat(all)
        .containsExactly(
            "3+1 0 gfn 5 PRIVATE ASID 7, GUEST_VALID",
            "4+1 0 gfn 6 PENDING ASID 7, GUEST_INVALID",
            "5+1 0 gfn 7 BLOCKED ASID 7, PRE_GUEST",
            "6+1 0 gfn 8 BLOCKED ASID 7, PRE_SWAP",
            "7+1 0 gfn -1 CONTROL firmware, FIRMWARE",
            "8+1 0 gfn -1 CONTROL firmware, FIRMWARE_IOMMU",
            "9+1 0 gfn -1 BLOCKED firmware, RECLAIM",
            "10+1 0 gfn -1 CONTROL firmware, CONTEXT",
            "11+1 0 gfn -1 CONTROL firmware, METADATA",
            "512+512 9 gfn 1024 PRIVATE ASID 7, GUEST_VALID",
            "1538+1 0 gfn 9 PENDING ASID 7, GUEST_INVALID");
    assertThat(RmpInvariants.check(rmp)).isEmpty();
    assertThat(rmp.pagesOf(Pages.ASID)).isEqualTo(5 + 512);
    assertThat(rmp.regionAssigned(511)).isTrue();
    assertThat(rmp.regionAssigned(1024)).isFalse();
    assertThat(rmp.subpageCount(0)).isEqualTo(9);
    assertThat(rmp.subpageCount(512)).isZero();
    assertThat(rmp.subpageCount(1L << 40)).isZero();
    assertThat(rmp.slot(600).assigned()).as("under a 2 MiB entry").isTrue();
    assertThat(rmp.slot(600).asid()).isZero();
    assertThat(rmp.slot(3).asid()).isEqualTo(Pages.ASID);
    assertThat(rmp.slot(1030).assigned()).isFalse();
    assertThat(rmp.entry(600).gpa()).isEqualTo((1024L + 88) << 12);
    PageState[] states = PageState.values();
    for (int code = 0; code < states.length; code++) {
      assertThat(states[code].code()).as("%s", states[code]).isEqualTo(code);
    }
    assertThat(PageState.DEFAULT.kind()).isEqualTo(PageState.HYPERVISOR.kind());
  }

  @Test
  void theTablesSizesAreBounded() {
    for (long frames : new long[] {-1, (1L << 36) + 1}) {
      assertThatThrownBy(() -> new Rmp(frames)).isInstanceOf(IllegalArgumentException.class);
    }
    for (int asids : new int[] {1, 0x10001}) {
      assertThatThrownBy(() -> new Rmp(512, asids, RmpChoices.DEFAULT))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(new Rmp(0, 2, RmpChoices.DEFAULT).covers(0)).isFalse();
    assertThat(new Rmp(513, 0x10000, RmpChoices.DEFAULT).covers(512)).isTrue();
    assertThat(new Rmp(513).state(513)).isEqualTo(PageState.DEFAULT);
    assertThat(new Rmp(513).state(-1)).isEqualTo(PageState.DEFAULT);
    assertThat(new Rmp(513).state(512)).isEqualTo(PageState.HYPERVISOR);
  }

  @Test
  void anAccessThatIsRefusedSaysWhoHasThePage() {
    RmpReasons reasons = new RmpReasons(rmp);
    CpuMode guest = CpuMode.guest(Pages.ASID);
    long fault = RmpOutcome.nestedFault(RmpOutcome.RMP);
    long vmpl = RmpOutcome.nestedFault(RmpOutcome.RMP | RmpOutcome.VMPL);
    Object[][] rows = {
      {0x5000L, -1L, false, fault, "gpa 0x5000 is not mapped"},
      {0x5000L, 5000L, false, fault, "pfn 0x1388 is not covered by the RMP"},
      {0x5000L, 20L, false, fault, "pfn 0x14 is the hypervisor's"},
      {0x5000L, 12L, false, fault, "pfn 0xc is the hypervisor's"},
      {0x5000L, 7L, false, fault, "pfn 0x7 is the firmware's, the guest has ASID 7"},
      {0x6000L, 3L, false, fault, "pfn 0x3 was given to the guest as gpa 0x5000"},
      {0x7000L, 5L, false, fault, "pfn 0x5 is immutable: PRE_GUEST"},
      {0x5fffL, 3L, false, RmpOutcome.NOT_VALIDATED, "gpa 0x5fff is not validated"},
      {0x5000L, 3L, false, vmpl, "VMPL0 has no permission"},
      {0x5000L, 3L, true, fault, "the RMP entry has 4 KiB, the nested mapping 2 MiB"},
      {0x40_0000L, 512L, false, 0L, "the RMP entry has 2 MiB, the nested mapping 4 KiB"},
      {0x40_0000L, 512L, true, fault, "the RMP entry has 2 MiB, the nested mapping 2 MiB"},
      {0x5000L, 3L, false, RmpOutcome.GP, RmpOutcome.describe(RmpOutcome.GP)},
    };
    for (Object[] r : rows) {
      assertThat(reasons.access(guest, (long) r[0], (long) r[1], (boolean) r[2], (long) r[3]))
          .isEqualTo(r[4]);
    }
    assertThat(reasons.access(CpuMode.guest(9), 0x5000, 3, false, fault))
        .isEqualTo("pfn 0x3 is assigned to ASID 7, the guest has ASID 9");
    assertThat(reasons.saveArea(3, 0x5000, 7)).isEqualTo("pfn 0x3 is no VMSA in the RMP");
    assertThat(reasons.saveArea(20, 0x5000, 7)).isEqualTo("pfn 0x14 is the hypervisor's");
    assertThat(reasons.saveArea(3, 0x5000, 8))
        .isEqualTo("pfn 0x3 is assigned to ASID 7, the guest has ASID 8");
  }

  private List<String> with(int page, long word) {
    RmpRegion r = rmp.regionOf(0);
    long old = r.get(page);
    r.set(page, word);
    List<String> wrong = RmpInvariants.check(rmp);
    r.set(page, old);
    assertThat(RmpInvariants.check(rmp)).isEmpty();
    return wrong;
  }

  // What hardware and firmware never let come about; written past both.
  @Test
  void eachBrokenInvariantIsTold() {
    long assigned = RmpRegion.ASSIGNED;
    assertThat(with(3, RmpRegion.word(5, 7, 0)))
        .contains(
            "unassigned frame 3 keeps state " + Long.toHexString(RmpRegion.word(5, 7, 0)),
            "ASID 7 owns 516 pages, counted 517",
            "region 0 has 8 assigned pages, counted 9");
    for (long flag : new long[] {RmpRegion.VALIDATED, RmpRegion.KEYED}) {
      assertThat(with(20, flag))
          .containsExactly("unassigned frame 20 keeps state " + Long.toHexString(flag));
    }
    assertThat(with(4, RmpRegion.word(6, 7, assigned | RmpRegion.HUGE)))
        .contains("2 MiB entry at page 4 of region 0");
    assertThat(with(7, assigned | RmpRegion.VALIDATED))
        .containsExactly("firmware frame 7 is validated");
    RmpRegion first = rmp.regionOf(0);
    first.setPerms(7, 1);
    assertThat(RmpInvariants.check(rmp)).containsExactly("frame 7 has permissions and no guest");
    first.setPerms(7, 0);
    assertThat(first.lock.tryLock()).isTrue();
    assertThat(RmpInvariants.check(rmp)).containsExactly("region 0 is still locked");
    first.lock.unlock();
    RmpRegion huge = rmp.regionOf(512);
    long head = huge.get(0);
    huge.set(0, RmpRegion.word(1025, 7, head & 0xff));
    assertThat(RmpInvariants.check(rmp))
        .containsExactly("2 MiB entry 512 has an unaligned guest address");
    huge.set(0, head);
    huge.set(9, assigned);
    assertThat(RmpInvariants.check(rmp))
        .contains("page 9 has an entry of its own under the 2 MiB entry 512");
    huge.set(9, 0);
    RmpRegion last = rmp.regionOf(3 * 512);
    rmp.write(last, 2, 0, 0);
    rmp.write(last, 0, RmpRegion.word(2048, 7, assigned | RmpRegion.HUGE), 0);
    assertThat(RmpInvariants.check(rmp))
        .containsExactly("2 MiB entry 1536 reaches beyond the table");
  }

  // SNP firmware ABI, SNP_PAGE_UNSMASH: 512 pages in a row, alike.
  @Test
  void pagesAreJoinedOnlyWhereTheyAreInARowAndAlike() {
    Rmp fresh = new Rmp(4 * 512);
    Pages p = new Pages(fresh);
    assertThat(p.port.rmp()).isSameAs(fresh);
    assertThat(p.port.unsmash(0)).as("unassigned").isFalse();
    for (int i = 0; i < 512; i++) {
      p.update(i, 0x40_0000 + i * 4096L, HostInstructions.ASSIGN, Pages.ASID);
    }
    p.update(511, 0, 0, 0);
    assertThat(p.port.unsmash(0)).as("a page is missing").isFalse();
    p.update(511, 0x40_0000 + 510 * 4096L, HostInstructions.ASSIGN, Pages.ASID);
    assertThat(p.port.unsmash(0)).as("not in a row").isFalse();
    p.update(511, 0, 0, 0);
    p.update(511, 0x40_0000 + 511 * 4096L, HostInstructions.ASSIGN, Pages.ASID);
    assertThat(p.port.setPermissions(5, 0x01)).isTrue();
    assertThat(p.port.unsmash(0)).as("permissions differ").isFalse();
    assertThat(p.port.setPermissions(5, fresh.entry(4).perms())).isTrue();
    RmpRegion r = fresh.regionOf(0);
    assertThat(r.lock.tryLock()).isTrue();
    r.changing = 9;
    assertThat(p.port.unsmash(0)).as("another processor is at it").isFalse();
    assertThat(p.port.setPermissions(9, 1)).isFalse();
    assertThat(p.port.move(9, PageState.GUEST_INVALID, PageState.PRE_GUEST, 0, /* vmsa= */ false))
        .isFalse();
    r.lock.unlock();
    assertThat(p.port.move(9, PageState.GUEST_VALID, PageState.PRE_GUEST, 0, false))
        .as("it is in another state")
        .isFalse();
    assertThatThrownBy(
            () -> p.port.move(9, PageState.GUEST_INVALID, PageState.HYPERVISOR, 0, false))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(r.lock.held()).isFalse();
    assertThat(p.port.unsmash(0)).isTrue();
    assertThat(fresh.huge(300)).isTrue();
    assertThat(fresh.asid(300)).isEqualTo(Pages.ASID);
    assertThat(fresh.pagesOf(Pages.ASID)).isEqualTo(512);
    assertThat(fresh.subpageCount(0)).isZero();
    assertThat(p.port.unsmash(0)).as("it is one").isFalse();
    assertThat(p.port.setPermissions(300, 0x0102)).isTrue();
    assertThat(fresh.entry(7).perms()).as("of the whole entry").isEqualTo(0x0102);
    for (int i = 0; i < 512; i++) {
      p.update(512 + i, (1025L + i) << 12, HostInstructions.ASSIGN, Pages.ASID);
    }
    assertThat(p.port.unsmash(512)).as("no address of a 2 MiB page").isFalse();
    assertThat(RmpInvariants.check(fresh)).isEmpty();
  }
}
