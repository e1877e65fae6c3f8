package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * What is shown of the module's tables, whose a page is, and that each broken invariant is told.
 */
class ModuleTablesTest {
  private static final long GPA = 0x40000000L;
  private static final long HUGE_GPA = GPA + (2L << 20);
  private static final int KEY = 0x20;

  private final Bench b = Bench.runnable(true);
  private final long page = b.page();
  private final long pending = b.page();
  private final long blocked = b.page();
  private final long huge = b.huge();

  ModuleTablesTest() {
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(Bench.TDR, GPA, 0, page));
    b.mustAccept(GPA, 0);
    b.must(b.host.memPageAug(Bench.TDR, GPA + 4096, 0, pending));
    b.must(b.host.memPageAug(Bench.TDR, GPA + 8192, 0, blocked));
    b.must(b.host.memRangeBlock(Bench.TDR, GPA + 8192, 0));
    b.must(b.host.memPageAug(Bench.TDR, HUGE_GPA, 1, huge));
    b.mustAccept(HUGE_GPA, 1);
  }

  private static List<String> shown(Consumer<TableSink> what) {
    List<String> all = new ArrayList<>();
    what.accept(name -> {
      all.add(name);
      return (first, n, order, leadsTo, kind, state) ->
          all.add("%x+%d %d to %x %s %s".formatted(first, n, order, leadsTo, kind, state));
    });
    return all;
  }

  @Test
  void aTdsLeavesAreShownByGfn() {
    assertThat(shown(into -> ModuleTables.guest(b.module, Bench.TDR, into)))
        .containsExactly(
            "S-EPT",
            "40000+1 0 to %x PRIVATE MAPPED".formatted(page >>> 12),
            "40001+1 0 to %x PENDING PENDING".formatted(pending >>> 12),
            "40002+1 0 to %x BLOCKED PENDING_BLOCKED".formatted(blocked >>> 12),
            "40200+512 9 to %x PRIVATE MAPPED".formatted(huge >>> 12));
    assertThat(shown(into -> ModuleTables.guest(b.module, 0, into))).containsExactly("S-EPT");
    assertThat(shown(into -> ModuleTables.guest(b.module, Bench.TDR + 0x80000, into)))
        .containsExactly("S-EPT");
    Bench young = new Bench();
    young.must(young.host.mngCreate(Bench.TDR, KEY));
    assertThat(shown(into -> ModuleTables.guest(young.module, Bench.TDR, into)))
        .as("no root yet")
        .containsExactly("S-EPT");
  }

  @Test
  void everyFrameInUseIsShownWithItsTypeAndKey() {
    List<String> all = shown(into -> ModuleTables.frames(b.module, into));
    assertThat(all.getFirst()).isEqualTo("PAMT");
    String regular = "%x+%d %d to ffffffffffffffff PRIVATE REG, HKID 32";
    assertThat(all)
        .contains(
            regular.formatted(page >>> 12, 1, 0),
            regular.formatted(huge >>> 12, 512, 9),
            "%x+1 0 to ffffffffffffffff CONTROL %s"
                .formatted(Bench.TDR >>> 12, PageType.name(PageType.TDR)));
    assertThat(all).filteredOn(s -> s.contains("PRIVATE")).hasSize(4);
    assertThat(all).filteredOn(s -> s.endsWith(", HKID 32")).hasSizeGreaterThan(20);
    // The TD, its six pages, two vCPUs with five each, three tables, four pages of memory.
    assertThat(all).hasSize(1 + 7 + 12 + 3 + 4);
    assertThat(b.module.ownerOf(page >>> 12)).isEqualTo("REG page of the TD with HKID 32");
    assertThat(b.module.ownerOf((huge >>> 12) + 511)).isEqualTo("REG page of the TD with HKID 32");
    assertThat(b.module.ownerOf((page >>> 12) + 0x1000)).isNull();
    assertThat(b.module.ownerOf(1)).as("outside of every TDMR").isNull();
    assertThat(b.module.td(1)).isNull();
    assertThat(b.module.vcpu(1)).isNull();
    assertThat(b.module.vcpu(Bench.TDR)).as("another kind of page").isNull();
    assertThat(b.module.td(Bench.VCPU)).isNull();
    assertThat(b.module.vcpu(Bench.VCPU)).isNotNull();
  }

  private Verdict access(Accessor.Kind who, int key, long hpa, boolean write) {
    return b.module.guard().check(new Accessor(who, 1, key), hpa >>> 12, write);
  }

  // TDX module, memory integrity: a TD's page is ciphertext to others, and their writes poison it.
  @Test
  void aTdsPageIsItsOwnerAlonesUntilItsKeyGoes() {
    Accessor.Kind guest = Accessor.Kind.GUEST;
    for (long hpa : new long[] {page, pending, huge, huge + (511L << 12)}) {
      assertThat(access(guest, KEY, hpa, true)).isEqualTo(Verdict.ALLOW);
      assertThat(access(guest, KEY + 1, hpa, false)).isEqualTo(Verdict.CIPHER);
      assertThat(access(Accessor.Kind.HOST_USER, 0, hpa, false)).isEqualTo(Verdict.CIPHER);
      assertThat(access(Accessor.Kind.FIRMWARE, 0, hpa, true)).isEqualTo(Verdict.ALLOW);
    }
    assertThat(access(guest, KEY, Bench.TDR, false))
        .as("no memory of it")
        .isEqualTo(Verdict.CIPHER);
    assertThat(access(Accessor.Kind.DEVICE, 0, page, true)).isEqualTo(Verdict.POISON);
    assertThat(access(Accessor.Kind.HOST_KERNEL, 0, page + 0x1000000, true))
        .isEqualTo(Verdict.ALLOW);
    assertThat(access(Accessor.Kind.HOST_KERNEL, 0, 0x1000, true)).isEqualTo(Verdict.ALLOW);
    b.track();
    b.must(b.host.memPageRemove(Bench.TDR, GPA + 8192, 0));
    assertThat(access(Accessor.Kind.HOST_KERNEL, 0, blocked, false))
        .as("it left the TD and is not written back")
        .isEqualTo(Verdict.CIPHER);
    assertThat(access(Accessor.Kind.HOST_KERNEL, 0, blocked, true)).isEqualTo(Verdict.ALLOW);
    b.must(b.onLp.vpFlush(Bench.VCPU));
    b.must(b.onLp1.vpFlush(Bench.VCPU_1));
    b.must(b.host.mngVpFlushDone(Bench.TDR));
    assertThat(b.td().lifecycle()).isEqualTo(Td.BLOCKED);
    assertThat(access(guest, KEY, pending, false)).isEqualTo(Verdict.ALLOW);
    b.must(b.host.phymemCacheWb(false));
    b.must(b.host.mngKeyFreeId(Bench.TDR));
    assertThat(access(guest, KEY, pending, false)).as("the key is gone").isEqualTo(Verdict.CIPHER);
    b.must(b.host.phymemPageReclaim(pending));
    assertThat(access(Accessor.Kind.HOST_KERNEL, 0, pending, false))
        .as("the caches were written back before the key went")
        .isEqualTo(Verdict.ALLOW);
  }

  private List<String> broken() {
    List<String> found = new ArrayList<>();
    ModuleInvariants.check(b.module, Bench.TDR, found::add);
    return found;
  }

  private SeptTable tableOf(int level) {
    SeptTable t = b.td().rootTable();
    while (t.level() > level) {
      t = Objects.requireNonNull(t.child((int) (GPA >>> (12 + 9 * t.level())) & 511));
    }
    return t;
  }

  private List<String> with(SeptTable t, int index, long entry) {
    long old = t.get(index);
    t.set(index, entry);
    List<String> found = broken();
    t.set(index, old);
    assertThat(broken()).isEmpty();
    return found;
  }

  @Test
  void eachBrokenInvariantIsTold() {
    assertThat(broken()).isEmpty();
    SeptTable pages = tableOf(0);
    String at = "TD 40000000 gpa 0x40000000 level 0: ";
    long foreign = b.page();
    assertThat(with(pages, 0, SeptEntry.leaf(SeptState.MAPPED, foreign)))
        .containsExactly(at + "PAMT of " + Long.toHexString(foreign) + " does not say so");
    assertThat(with(pages, 0, SeptEntry.leaf(SeptState.MAPPED, 0x1000)))
        .as("outside of every TDMR")
        .containsExactly(at + "PAMT of 1000 does not say so");
    assertThat(with(pages, 0, SeptEntry.leaf(SeptState.MAPPED, Bench.TDR)))
        .as("a page of another type")
        .containsExactly(at + "PAMT of 40000000 does not say so");
    assertThat(with(pages, 0, pages.get(0) & ~7L))
        .containsExactly(at + "permissions 0 in state MAPPED");
    SeptTable above = tableOf(1);
    SeptTable child = Objects.requireNonNull(above.child(0));
    String below = "TD 40000000 gpa 0x40000000 level 1: ";
    long entry = above.get(0);
    above.set(0, SeptEntry.FREE);
    above.setChild(0, child);
    assertThat(broken()).containsExactly(below + "a free entry has a table");
    above.set(0, entry);
    above.setChild(0, new SeptTable(foreign, 0));
    assertThat(broken()).contains(below + "the table behind the entry is another");
    above.setChild(0, new SeptTable(child.hpa(), 1));
    assertThat(broken()).contains(below + "the table behind the entry is another");
    above.setChild(0, null);
    assertThat(broken()).contains(below + "the table behind the entry is another");
    above.setChild(0, child);
    assertThat(broken()).isEmpty();
    b.pamt.assign(0, child.hpa(), PageType.EPT, foreign);
    assertThat(broken())
        .as("a table of another TD")
        .containsExactly(below + "PAMT of " + Long.toHexString(child.hpa()) + " does not say so");
    b.pamt.assign(0, child.hpa(), PageType.EPT, Bench.TDR);
    // A TD has its pages, tables and control pages as children, and no fewer.
    long spare = b.td().children() - (6 + 3 + 3 + 512);
    assertThat(spare).as("pages of vCPUs").isEqualTo(12);
    b.td().addChildren(0, -spare);
    assertThat(broken()).isEmpty();
    b.td().addChildren(0, -1);
    assertThat(broken()).containsExactly("TD 40000000 counts 523 children and has at least 524");
    b.td().addChildren(0, 1 + spare);
    b.pamt.assign(0, huge, PageType.REG, Bench.TDR);
    assertThat(broken()).anyMatch(s -> s.startsWith("TD 40000000 gpa 0x40200000 level 1: "));
    b.pamt.release(0, huge);
    assertThat(broken()).isEmpty();
    List<String> none = new ArrayList<>();
    ModuleInvariants.check(b.module, Bench.TDR + 0x80000, none::add);
    assertThat(none).isEmpty();
  }
}
