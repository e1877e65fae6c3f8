package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.view.TableSink;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What is shown of EL2's tables, and which pages the host gave for a VM. */
class HypTablesTest {
  private final HypMachine m = new HypMachine();
  private final HypMachine.Guest secret = m.guest(true).loadOn(0);
  private final HypMachine.Guest plain = m.guest(false).loadOn(1);

  private static List<String> shown(Consumer<TableSink.Entries> table) {
    List<String> all = new ArrayList<>();
    table.accept((first, pages, order, leadsTo, kind, state) ->
        all.add("%x+%d %d to %x %s %s".formatted(first, pages, order, leadsTo, kind, state)));
    return all;
  }

  private void give() {
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x100, 5)).isZero();
    secret.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x101, 6)).isZero();
    secret.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x102, 7)).isZero();
    m.hyp.guestHvc(0, GuestCalls.MEM_SHARE, 6 << 12, 0, 0);
    assertThat(m.call(0, Hypercall.FORCE_RECLAIM_GUEST_PAGE, 0x102 << 12)).isZero();
    assertThat(m.call(1, Hypercall.HOST_SHARE_GUEST, 0x200, 0x400, 512, 7)).isZero();
  }

  @Test
  void aGuestsStage2IsShownByGfn() {
    give();
    assertThat(shown(into -> m.hyp.showGuest(secret.handle(), into)))
        .containsExactly(
            "5+1 0 to 100 PRIVATE OWNED",
            "6+1 0 to 101 SHARED SHARED_OWNED",
            "7+1 0 to ffffffffffffffff LOST POISON");
    assertThat(shown(into -> m.hyp.showGuest(plain.handle(), into)))
        .containsExactly("400+512 9 to 200 SHARED SHARED_BORROWED");
    assertThat(shown(into -> m.hyp.showGuest(0x1009, into))).isEmpty();
    assertThat(m.hyp.guestMappingPages(plain.handle(), 0x4ff)).isEqualTo(512);
    assertThat(m.hyp.guestMappingPages(secret.handle(), 5)).isEqualTo(1);
    assertThat(m.hyp.guestMappingPages(secret.handle(), 7)).isZero();
    assertThat(m.hyp.guestMappingPages(0x1009, 5)).isZero();
    assertThat(m.hyp.guestPfn(plain.handle(), 0x4ff)).isEqualTo(0x2ff);
    assertThat(m.hyp.guestPfn(secret.handle(), 7)).isEqualTo(-1);
    assertThat(m.hyp.guestPfn(0x1009, 5)).isEqualTo(-1);
    for (long far : new long[] {1L << 40, -1}) {
      assertThat(m.hyp.guestPfn(secret.handle(), far)).isEqualTo(-1);
      assertThat(m.hyp.guestMappingPages(secret.handle(), far)).isZero();
      assertThat(m.hyp.guestState(secret.handle(), far)).isEqualTo(PageState.NOPAGE);
    }
    assertThat(m.hyp.guestTablePages(0x1009)).isZero();
  }

  @Test
  void framesThatAreNotTheHostsAloneAreShownWithWhoHasThem() {
    give();
    List<String> all = shown(m.hyp::showFrames);
    assertThat(all)
        .contains(
            "100+1 0 to 5 PRIVATE guest, host has NOPAGE",
            "101+1 0 to ffffffffffffffff SHARED host has SHARED_BORROWED",
            "200+1 0 to ffffffffffffffff SHARED host has SHARED_OWNED",
            "%x+1 0 to ffffffffffffffff CONTROL EL2".formatted(secret.vm.pfn() + 1),
            "%x+1 0 to ffffffffffffffff SHARED host has SHARED_OWNED".formatted(secret.vm.pfn()))
        .noneMatch(s -> s.startsWith("102+"));
    assertThat(m.hyp.ownerOf(0x100)).isEqualTo(Owner.GUEST);
    assertThat(m.hyp.ownerOf(0x101)).isEqualTo(Owner.HOST);
    assertThat(m.hyp.ownerOf(secret.vm.pfn() + 1)).isEqualTo(Owner.HYP);
    assertThat(m.hyp.ownerOf(5000)).as("no memory").isEqualTo(Owner.HOST);
    for (long outside = 4096; outside <= 1L << 40; outside <<= 1) {
      assertThat(m.hyp.hostState(outside)).isEqualTo(PageState.OWNED);
      assertThat(m.hyp.hypState(outside)).isEqualTo(PageState.NOPAGE);
    }
    List<Long> held = new ArrayList<>();
    m.hyp.forEachHeldPage(held::add);
    assertThat(held).hasSize((int) m.hyp.touchedPages()).contains(0x100L, 0x101L, 0x3ffL);
  }

  // nvhe/pkvm.c: structures, root, tables and caches are all donated to EL2, page by page.
  @Test
  void whatTheHostGaveForItsVmsIsWhatEl2Owns() {
    give();
    secret.fill();
    assertThat(m.call(0, Hypercall.HOST_DONATE_GUEST, 0x103, 8)).isZero();
    // A table that is empty again is kept for the next one.
    assertThat(m.call(1, Hypercall.HOST_UNSHARE_GUEST, plain.handle(), 0x400, 512)).isZero();
    List<Long> given = new ArrayList<>();
    m.hyp.forEachOwnPage(secret.handle(), given::add);
    m.hyp.forEachOwnPage(plain.handle(), given::add);
    m.hyp.forEachOwnPage(0x1009, given::add);
    List<Long> owned = new ArrayList<>();
    for (long pfn = 0; pfn < 4096; pfn++) {
      if (m.hyp.hypState(pfn) == PageState.OWNED) {
        owned.add(pfn);
      }
    }
    assertThat(given).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(owned);
    assertThat(given.size()).isGreaterThan(8);
  }
}
