package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.LeafVisitor;
import dev.cocovisor.core.mmu.SecondStage;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Each thing that is wrong with a VM's tables is noticed, and told by what it is. */
class VmInvariantsTest {
  private static final long M = 2L << 20;
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long WRITABLE = 2;
  private static final long PRIVATE = 8;
  private static final long NEXT_FRAME = 1 << 12;

  /** Shows the leaves otherwise than they are. */
  private static final class Lies extends ForwardingSecondStage {
    private UnaryOperator<LeafVisitor> lie = v -> v;
    private long walks;

    Lies(SecondStage truth) {
      super(truth);
    }

    @Override
    public void visitLeafs(boolean privateRoot, LeafVisitor visitor) {
      super.visitLeafs(privateRoot, lie.apply(visitor));
    }

    @Override
    public long walk(long gfn, boolean isPrivate) {
      return super.walk(gfn, isPrivate) ^ walks;
    }
  }

  private final List<Lies> stages = new ArrayList<>();
  private long external = ExternalTableOps.UNKNOWN;
  private final Kvm kvm;
  private final KvmProcess p;
  private final int vm;
  private final int vcpu;

  VmInvariantsTest() {
    var backend =
        new FakeBackend(
            new VmOps() {
              @Override
              public VmTraits traits() {
                return FakeBackend.MIRRORED;
              }

              @Override
              public long externalPfn(long gfn, PageLevel level) {
                return external;
              }
            });
    kvm =
        new Kvm(
            HostConfig.DEFAULT,
            List.of(backend),
            TraceSink.OFF,
            CoreParts.DEFAULT.withSecondStage((host, shape) -> {
              stages.add(new Lies(SecondStage.standard(host, shape)));
              return stages.getLast();
            }));
    p = new KvmProcess(kvm);
    vm = (int) p.createVm((int) p.openDevKvm(), 1);
    vcpu = (int) p.createVcpu(vm, 0);
    int fd = (int) p.createGuestMemfd(vm, M, 0);
    assertThat(p.mmap(HVA, 2 * M, 3, 0x40022, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 3, 4, BASE, M, HVA, 0, fd)).isZero();
    assertThat(p.setUserMemoryRegion2(vm, 4, 1, BASE + M, M, HVA + M, 0, -1)).isZero();
    assertThat(p.setMemoryAttributes(vm, BASE, M, 8, 0)).isZero();
    // A private page that was written, a shared one that was read only, and is logged.
    var _ = p.guestRun(vcpu, new GuestAction.Write(BASE, 1));
    var _ = p.guestRun(vcpu, new GuestAction.Read(BASE + 2 * M - 4096));
  }

  private List<String> broken() {
    List<String> all = new ArrayList<>();
    VmInvariants.check(Objects.requireNonNull(p.vm(vm)), all::add);
    return all;
  }

  private Lies stage() {
    return stages.getFirst();
  }

  private interface Shown {
    void to(LeafVisitor visitor, long gfn, int level, long spte);
  }

  /** Shows the leaf of the last, shared page in another way, or that of the first, private one. */
  private List<String> shown(boolean first, Shown otherwise) {
    stage().lie =
        v ->
            (gfn, level, spte) -> {
              if ((gfn == GFN) == first) {
                otherwise.to(v, gfn, level, spte);
              } else {
                v.leaf(gfn, level, spte);
              }
            };
    return broken();
  }

  @Test
  void nothingIsSaidOfWhatIsRight() {
    assertThat(broken()).isEmpty();
  }

  private BackingStore file() {
    var slot = Objects.requireNonNull(p.vm(vm)).slotsOf(0).byId(3);
    return Objects.requireNonNull(Objects.requireNonNull(slot).gmem());
  }

  private record Bound(int id, long baseGfn, long npages, long gmemPage) implements Binding {
    @Override
    public int asId() {
      return 0;
    }

    @Override
    public void dropGmem() {}
  }

  @Test
  void aBindingWhoseSlotIsGone() {
    assertThat(file().bind(new Bound(9, GFN, 1, 512))).isEqualTo(Errno.OK);
    assertThat(broken())
        .containsExactly(
            "guest_memfd page 0x200 is bound to slot 9, which the VM does not have so");
  }

  @Test
  void aSlotThatItsFileDoesNotKnow() {
    file().unbind(new Bound(3, GFN, 512, 0));
    assertThat(broken()).containsExactly("slot 3 is not bound to its guest_memfd");
  }

  @Test
  void aFolioThatIsFree() {
    long pfn = Folio.pfn(file().peek(0));
    kvm.memory().free(pfn, 0);
    assertThat(broken())
        .containsExactly("guest_memfd page 0x0 is frame 0x%x, which is free".formatted(pfn));
  }

  @Test
  void aLeafOutsideOfEverySlot() {
    assertThat(shown(false, (v, gfn, level, e) -> v.leaf(gfn + 1, level, e)))
        .containsExactly("gfn 0x40400 level 1 is mapped without a slot");
  }

  @Test
  void aLeafThatLeavesItsSlotAndACounterThatIsWrong() {
    assertThat(shown(false, (v, gfn, level, e) -> v.leaf(gfn, 2, e)))
        .contains(
            "gfn 0x403ff level 2 leaves its slot",
            "level 1: counter says 2, tables have 1 leaves",
            "level 2: counter says 0, tables have 1 leaves");
  }

  @Test
  void aLeafThatNobodyCounts() {
    assertThat(shown(true, (_, _, _, _) -> {}))
        .containsExactly("level 1: counter says 2, tables have 1 leaves");
  }

  @Test
  void aLeafAgainstItsAttribute() {
    assertThat(shown(false, (v, gfn, level, e) -> v.leaf(gfn, level, e | PRIVATE)).getFirst())
        .isEqualTo("gfn 0x403ff level 1 is mapped private against its attribute");
    assertThat(shown(true, (v, gfn, level, e) -> v.leaf(gfn, level, e & ~PRIVATE)).getFirst())
        .isEqualTo("gfn 0x40000 level 1 is mapped shared against its attribute");
  }

  @Test
  void aHugeLeafOverMixedAttributes() {
    assertThat(p.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0)).isZero();
    assertThat(shown(true, (v, gfn, level, e) -> v.leaf(gfn, 2, e)))
        .contains("gfn 0x40000 level 2 spans mixed attributes");
  }

  @Test
  void aFrameThatIsAnothers() {
    assertThat(shown(false, (v, gfn, level, e) -> v.leaf(gfn, level, e + NEXT_FRAME)))
        .containsExactly("gfn 0x403ff level 1 maps a frame the process does not have there");
    assertThat(shown(true, (v, gfn, level, e) -> v.leaf(gfn, level, e + NEXT_FRAME)))
        .hasSize(1)
        .allSatisfy(s -> assertThat(s).startsWith("gfn 0x40000 level 1 "));
  }

  @Test
  void aPageThatCanBeWrittenWithoutBeingLogged() {
    assertThat(shown(false, (v, gfn, level, e) -> v.leaf(gfn, level, e | WRITABLE)))
        .containsExactly(
            "gfn 0x403ff level 1 can be written without being logged",
            "gfn 0x403ff level 1 is writable where the process may not write");
  }

  @Test
  void aMirrorThatHasAnotherFrameThanTheExternalTable() {
    int other = (int) p.createVm((int) p.openDevKvm(), 5);
    int cpu = (int) p.createVcpu(other, 0);
    int fd = (int) p.createGuestMemfd(other, M, 0);
    assertThat(p.setUserMemoryRegion2(other, 3, 4, BASE, M, HVA, 0, fd)).isZero();
    assertThat(p.setMemoryAttributes(other, BASE, M, 8, 0)).isZero();
    var _ = p.guestRun(cpu, new GuestAction.Write(BASE, 1));
    List<String> all = new ArrayList<>();
    VmInvariants.check(Objects.requireNonNull(p.vm(other)), all::add);
    assertThat(all).as("the vendor cannot tell").isEmpty();
    external = 1;
    VmInvariants.check(Objects.requireNonNull(p.vm(other)), all::add);
    assertThat(all)
        .hasSize(1)
        .allSatisfy(s ->
            assertThat(s)
                .startsWith("gfn 0x40000 level 1: mirror has frame 0x")
                .endsWith(", external table 0x1"));
  }

  @Test
  void aTranslationThatTheTablesDoNotHave() {
    stage().walks = NEXT_FRAME;
    assertThat(broken())
        .hasSize(2)
        .allSatisfy(s -> assertThat(s).contains("vcpu 0 caches gfn 0x4"));
    stage().walks = WRITABLE;
    assertThat(broken())
        .containsExactly("vcpu 0 caches gfn 0x40000, which the tables do not have so");
    Objects.requireNonNull(p.vm(vm)).flushRemoteTlbs();
    assertThat(broken()).as("a flush is pending").isEmpty();
  }

  @Test
  void aMappedOrCachedFrameThatIsFreeAtAnyMoment() {
    Vm v = Objects.requireNonNull(p.vm(vm));
    List<String> all = new ArrayList<>();
    AlwaysInvariants.check(v, v.memory(), all::add);
    assertThat(all).isEmpty();
    long free = kvm.memory().allocate(0);
    kvm.memory().free(free, 0);
    stage().lie = w -> (gfn, level, _) -> w.leaf(gfn, level, free << 12 | 5);
    AlwaysInvariants.check(v, v.memory(), all::add);
    String is = Long.toHexString(free) + ", which is free";
    assertThat(all)
        .containsExactly(
            "gfn 0x40000 is mapped to frame 0x" + is, "gfn 0x403ff is mapped to frame 0x" + is);
    all.clear();
    // Any frame behind a huge leaf.
    assertThat(kvm.memory().isFree(free - 1)).isFalse();
    stage().lie = w -> (gfn, _, _) -> w.leaf(gfn, 2, (free - 1) << 12 | 5);
    AlwaysInvariants.check(v, v.memory(), all::add);
    assertThat(all)
        .containsExactly(
            "gfn 0x40001 is mapped to frame 0x" + is, "gfn 0x40400 is mapped to frame 0x" + is);
    all.clear();
    stage().lie = w -> w;
    Vcpu cpu = Objects.requireNonNull(p.vcpu(vcpu));
    var _ = cpu.tlb().fill(GFN + 5, true, free, 1, true);
    AlwaysInvariants.check(v, v.memory(), all::add);
    assertThat(all).containsExactly("vcpu 0 caches gfn 0x40005 as frame 0x" + is);
    all.clear();
    v.flushRemoteTlbs();
    AlwaysInvariants.check(v, v.memory(), all::add);
    assertThat(all).as("it was told to forget").isEmpty();
  }

  @Test
  void anInvalidationThatIsLeftOpen() {
    Vm v = Objects.requireNonNull(p.vm(vm));
    v.mmuLock().lock();
    v.invalidation().begin(Invalidation.Cause.USER_MAPPINGS);
    v.mmuLock().unlock();
    assertThat(broken()).containsExactly("an invalidation is still open");
  }
}
