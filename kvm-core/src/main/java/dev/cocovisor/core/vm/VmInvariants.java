package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.core.mmu.LeafVisitor;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.DirtyBitmap;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Consumer;

/**
 * What must hold of a VM between calls. Costs time proportional to its tables.
 *
 * <ul>
 *   <li>every leaf lies in a valid slot and leads to the frame that slot's memory has there;
 *   <li>no huge leaf spans mixed attributes or leaves its slot;
 *   <li>a leaf for private memory stands only on private gfns, unless nothing protects it;
 *   <li>the mirror and the external table agree leaf by leaf, where the vendor can tell;
 *   <li>no leaf maps a frame that is free: whoever holds a frame keeps it;
 *   <li>where dirty pages are logged, a page that the guest can write without a fault is in the
 *       log;
 *   <li>no cached translation says what the tables do not say, unless a flush is pending;
 *   <li>slots and the files of private memory name each other, and no folio is a free frame;
 *   <li>the counters count the leaves;
 *   <li>no invalidation is left open.
 * </ul>
 */
public final class VmInvariants {
  private final Vm vm;
  private final Consumer<String> violation;
  private final long[] leaves = new long[4];

  private VmInvariants(Vm vm, Consumer<String> violation) {
    this.vm = vm;
    this.violation = violation;
  }

  /** Reports everything broken, in words that name the gfn. */
  public static void check(Vm vm, Consumer<String> violation) {
    new VmInvariants(vm, violation).run();
  }

  private void run() {
    stage(0);
    stage(1);
    var files = new FileInvariants(vm, violation);
    files.check(0);
    files.check(1);
    for (Vcpu v : vm.vcpuArray()) {
      if (!v.flushPending()) {
        v.tlb().visit((gfn, priv, pfn, writable) -> cached(v, gfn, priv, pfn, writable));
      }
    }
    if (vm.invalidation().active()) {
      violation.accept("an invalidation is still open");
    }
  }

  private void stage(int as) {
    SecondStage stage = vm.stage(as);
    if (stage == null) {
      return;
    }
    java.util.Arrays.fill(leaves, 0);
    LeafVisitor leaf = (gfn, level, spte) -> leaf(as, gfn, level, spte);
    stage.visitLeafs(false, leaf);
    if (stage.hasPrivateRoot()) {
      stage.visitLeafs(true, leaf);
      stage.visitLeafs(true, this::mirrored);
    }
    for (int level = 1; level <= 3; level++) {
      if (stage.counters().get(level) != leaves[level]) {
        violation.accept(
            "level %d: counter says %d, tables have %d leaves"
                .formatted(level, stage.counters().get(level), leaves[level]));
      }
    }
  }

  private static String at(long gfn, int level) {
    return "gfn 0x%x level %d".formatted(gfn, level);
  }

  private void leaf(int as, long gfn, int level, long spte) {
    leaves[level]++;
    if (vm.mayStay(Spte.pfn(spte))) {
      // The trusted half was told to take it away and did not: it stays, and is accounted for.
      return;
    }
    MemSlot slot = vm.slotsOf(as).find(gfn);
    if (slot == null || slot.isInvalid()) {
      violation.accept(at(gfn, level) + " is mapped without a slot");
      return;
    }
    PageLevel pages = PageLevel.of(level);
    if (gfn + pages.pages() > slot.endGfn()) {
      violation.accept(at(gfn, level) + " leaves its slot");
    }
    boolean isPrivate = Spte.isPrivate(spte);
    if (vm.rules().supportedAttributes() != 0) {
      if (!vm.attributes().isUniform(gfn, pages)) {
        violation.accept(at(gfn, level) + " spans mixed attributes");
      } else if (vm.isPrivate(gfn) != isPrivate) {
        violation.accept(
            at(gfn, level)
                + " is mapped "
                + (isPrivate ? "private" : "shared")
                + " against its attribute");
      }
    }
    DirtyBitmap log = slot.dirtyBitmap();
    for (long i = 0; i < pages.pages(); i++) {
      if (log != null && Spte.isWritable(spte) && !log.isDirty(gfn + i - slot.baseGfn())) {
        violation.accept(at(gfn + i, level) + " can be written without being logged");
      }
      long page = gfn + i;
      vm.sources()
          .of(slot, isPrivate)
          .check(
              slot,
              gfn + i,
              Spte.pfn(spte) + i,
              Spte.isWritable(spte),
              s -> violation.accept(at(page, level) + " " + s));
    }
  }

  private void mirrored(long gfn, int level, long spte) {
    long there = vm.ops().externalPfn(gfn, PageLevel.of(level));
    if (there != ExternalTableOps.UNKNOWN && there != Spte.pfn(spte)) {
      violation.accept(
          "%s: mirror has frame 0x%x, external table 0x%x"
              .formatted(at(gfn, level), Spte.pfn(spte), there));
    }
  }

  private void cached(Vcpu v, long gfn, boolean isPrivate, long pfn, boolean writable) {
    long e = v.stage().walk(gfn, isPrivate);
    int level = Spte.level(e);
    boolean same =
        Spte.isLeaf(e)
            && Spte.pfn(e) + (gfn & (PageLevel.of(level).pages() - 1)) == pfn
            && (!writable || Spte.isWritable(e));
    if (!same) {
      violation.accept(
          "vcpu %d caches gfn 0x%x, which the tables do not have so".formatted(v.id(), gfn));
    }
  }
}
