package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Each thing that must hold at EL2, broken by hand, is reported by itself. */
class HypInvariantsTest {
  private static final long PAGE = 0x100;

  private final MemProtect mp =
      new MemProtect(MemoryMap.flat(4096), new SparseMemory(), TraceSink.OFF);
  private final VmTable vms = new VmTable();
  private final HypVm vm;

  HypInvariantsTest() {
    int handle = vms.reserve();
    vm = new HypVm(new HostVm(1, true, handle, 1), new Stage2Geometry(44), 2, 3);
    for (int i = 0; i < 8; i++) {
      vm.pool.push(0x800 + i);
    }
    assertThat(vms.insert(vm).ok()).isTrue();
  }

  private List<String> found(long lost) {
    List<String> all = new ArrayList<>();
    new HypInvariants(mp, vms, pfn -> pfn == lost).check(all::add);
    return all;
  }

  private List<String> found() {
    return found(-1);
  }

  private void guestMaps(long gfn, PageState state) {
    assertThat(vm.stage2.set(gfn, HypPageTable.PAGE_LEVEL, Pte.leaf(PAGE, Pte.RWX, state)))
        .isTrue();
  }

  /** The host's part of a donation, to a guest's address. */
  private void donated(long gfn) {
    mp.takeFromHost(PAGE, 1, Pte.ownedByGuest(vm.handle, gfn));
  }

  @Test
  void whatIsWholeIsNotReported() {
    assertThat(found()).isEmpty();
    donated(5);
    guestMaps(5, PageState.OWNED);
    assertThat(found()).isEmpty();
  }

  @Test
  void aPageAloneIsOutOfTheHostsReachAndNamesItsOwner() {
    guestMaps(5, PageState.OWNED);
    assertThat(found())
        .containsExactly(
            "pfn 0x100 at VM 0x1000 gfn 0x5: the guest owns it alone, the host has OWNED");
    donated(6);
    assertThat(found())
        .containsExactly("pfn 0x100 at VM 0x1000 gfn 0x5: the host's stage 2 names another owner");
  }

  @Test
  void bothSidesOfASharedPageAgree() {
    guestMaps(5, PageState.SHARED_OWNED);
    assertThat(found())
        .containsExactly("pfn 0x100 at VM 0x1000 gfn 0x5: shared with the host, which has OWNED");
    mp.setHost(PAGE, 1, PageState.SHARED_BORROWED);
    assertThat(found()).isEmpty();
    guestMaps(5, PageState.SHARED_BORROWED);
    mp.pages.setGuestShares(PAGE, 1);
    assertThat(found())
        .contains(
            "pfn 0x100 at VM 0x1000 gfn 0x5: borrowed from the host, which has SHARED_BORROWED");
    mp.setHost(PAGE, 1, PageState.SHARED_OWNED);
    assertThat(found()).isEmpty();
  }

  @Test
  void aBlockIsSoManyPages() {
    assertThat(
            vm.stage2.set(
                0x400, HypPageTable.PMD_LEVEL, Pte.leaf(0x200, Pte.RWX, PageState.SHARED_BORROWED)))
        .isTrue();
    assertThat(found())
        .hasSize(2 * 512)
        .contains(
            "pfn 0x3ff at VM 0x1000 gfn 0x5ff: borrowed from the host, which has OWNED",
            "pfn 0x200: 1 guest mappings, count 0");
    for (long p = 0x200; p < 0x400; p++) {
      mp.setHost(p, 1, PageState.SHARED_OWNED);
      mp.pages.setGuestShares(p, 1);
    }
    assertThat(found()).isEmpty();
  }

  @Test
  void anEntryThatTranslatesGivesAccess() {
    guestMaps(5, PageState.NOPAGE);
    assertThat(found())
        .containsExactly("pfn 0x100 at VM 0x1000 gfn 0x5: a valid entry without access");
    assertThat(vm.stage2.set(5, HypPageTable.PAGE_LEVEL, Pte.poisoned())).isTrue();
    assertThat(found()).as("what does not translate says nothing").isEmpty();
  }

  @Test
  void sharesAreCounted() {
    mp.setHost(PAGE, 1, PageState.SHARED_OWNED);
    guestMaps(5, PageState.SHARED_BORROWED);
    mp.pages.setGuestShares(PAGE, 2);
    assertThat(found()).containsExactly("pfn 0x100: 1 guest mappings, count 2");
    guestMaps(6, PageState.SHARED_BORROWED);
    assertThat(found()).isEmpty();
    vm.stage2.clear(5);
    vm.stage2.clear(6);
    assertThat(found()).containsExactly("pfn 0x100: share count 2, no mapping");
  }

  @Test
  void everyPageHasOneOwner() {
    mp.pages.setHost(PAGE, PageState.NOPAGE);
    assertThat(found())
        .containsExactly(
            "pfn 0x100: 0 owners",
            "pfn 0x100: out of the host's reach, but its stage 2 does not say so");
    assertThat(found(PAGE)).as("what the host gave up is nobody's").isEmpty();
    mp.pages.setHost(PAGE, PageState.OWNED);
    mp.setHyp(PAGE, 1, PageState.OWNED);
    mp.mapAtHyp(PAGE);
    assertThat(found()).containsExactly("pfn 0x100: 2 owners");
    mp.takeFromHost(PAGE, 1, Pte.ownedByHyp());
    assertThat(found()).isEmpty();
    donated(5);
    guestMaps(5, PageState.OWNED);
    assertThat(found()).containsExactly("pfn 0x100: 2 owners");
  }

  @Test
  void whatIsOutOfReachIsAnnotatedAndNothingElseIs() {
    mp.host.annotate(PAGE, 1, Pte.ownedByHyp());
    assertThat(found()).containsExactly("pfn 0x100: annotated, yet the host has access");
    mp.host.mapPages(PAGE, 1);
    assertThat(found()).isEmpty();
    mp.setHyp(PAGE, 1, PageState.OWNED);
    mp.mapAtHyp(PAGE);
    mp.pages.setHost(PAGE, PageState.NOPAGE);
    assertThat(found())
        .as("mapped, whoever the owner is")
        .containsExactly("pfn 0x100: out of the host's reach, but its stage 2 does not say so");
  }

  @Test
  void el2MapsWhatItOwnsAndWhatItPinned() {
    mp.takeFromHost(PAGE, 1, Pte.ownedByHyp());
    mp.setHyp(PAGE, 1, PageState.OWNED);
    assertThat(found()).containsExactly("pfn 0x100: EL2 does not map it, OWNED with 0 pins");
    mp.mapAtHyp(PAGE);
    assertThat(found()).isEmpty();
    mp.setHost(PAGE, 1, PageState.SHARED_OWNED);
    mp.setHyp(PAGE, 1, PageState.SHARED_BORROWED);
    assertThat(found()).containsExactly("pfn 0x100: EL2 maps it, SHARED_BORROWED with 0 pins");
    assertThat(mp.pages.get(PAGE)).isEqualTo(1);
    assertThat(found()).isEmpty();
    mp.unmapAtHyp(PAGE);
    assertThat(found())
        .containsExactly("pfn 0x100: EL2 does not map it, SHARED_BORROWED with 1 pins");
    mp.mapAtHyp(PAGE);
    mp.pages.setHost(PAGE, PageState.OWNED);
    assertThat(found()).containsExactly("pfn 0x100: EL2 borrows it from a host that has OWNED");
  }

  @Test
  void theHostCannotWriteEl2sStacks() {
    mp.addStack(PAGE);
    assertThat(found()).containsExactly("pfn 0x100: a stack of EL2's, which the host may write");
    mp.takeFromHost(PAGE, 1, Pte.ownedByHyp());
    mp.setHyp(PAGE, 1, PageState.OWNED);
    mp.mapAtHyp(PAGE);
    assertThat(found()).isEmpty();
  }
}
