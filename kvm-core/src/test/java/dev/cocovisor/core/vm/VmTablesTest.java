package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What is shown of a VM's memory, table by table. */
class VmTablesTest {
  private static final long M = 2L << 20;
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;

  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"), List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 1);
  private final int vcpu = (int) p.createVcpu(vm, 3);
  private final int second = (int) p.createVcpu(vm, 5);
  private final int fd = (int) p.createGuestMemfd(vm, 3 * M, 0);
  private final VmTables tables = new VmTables(Objects.requireNonNull(p.vm(vm)));

  VmTablesTest() {
    assertThat(p.mmap(HVA, 4 * M, 3, 0x40022, -1, 0)).isEqualTo(HVA);
    // The slot begins at the file's second half folio: what it shows of a folio is cut.
    assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE + M / 2, 3 * M / 2, HVA + M / 2, M / 2, fd))
        .isZero();
    assertThat(p.setUserMemoryRegion2(vm, 2, 1, BASE + 2 * M, M, HVA + 2 * M, 0, -1)).isZero();
    assertThat(p.setUserMemoryRegion2(vm, 3, 2, BASE + 3 * M, 4096, HVA + 3 * M, 0, -1)).isZero();
  }

  /** Frames differ; they are told apart and compared where it matters. */
  private static List<String> shown(Consumer<TableSink.Entries> table) {
    List<String> all = new ArrayList<>();
    table.accept((first, pages, order, leadsTo, kind, state) ->
        all.add(
            "%x+%d %s %s %s%s"
                .formatted(
                    first,
                    pages,
                    order,
                    kind,
                    state,
                    leadsTo == TableSink.NOWHERE ? "" : " to a frame")));
    return all;
  }

  @Test
  void slotsAreShownWithWhatTheyAre() {
    assertThat(shown(tables::slots))
        .containsExactly(
            "40100+768 0 EMPTY slot 1, guest_memfd",
            "40400+512 0 EMPTY slot 2, dirty log",
            "40600+1 0 EMPTY slot 3, read-only");
  }

  @Test
  void attributesAreShownInPiecesThatAreAlike() {
    assertThat(p.setMemoryAttributes(vm, BASE + M / 2 + 4096, 3 * 4096, 8, 0)).isZero();
    List<String> all = shown(tables::attributes);
    assertThat(all.getFirst()).isEqualTo("40100+1 0 SHARED shared");
    assertThat(all.get(1)).isEqualTo("40101+1 0 PRIVATE private");
    assertThat(all.get(2)).isEqualTo("40102+2 0 PRIVATE private");
    assertThat(all).filteredOn(s -> s.contains("PRIVATE")).hasSize(2);
    assertThat(all).contains("40400+512 0 SHARED shared", "40600+1 0 SHARED shared");
    long next = 0x40100;
    for (String s : all) {
      int plus = s.indexOf('+');
      long first = Long.parseLong(s.substring(0, plus), 16);
      assertThat(first == next || first == 0x40400 || first == 0x40600).as(s).isTrue();
      next = first + Long.parseLong(s.substring(plus + 1, s.indexOf(' ')));
    }
  }

  @Test
  void aFilesPagesLeavesAndTranslationsAreShown() {
    assertThat(p.setMemoryAttributes(vm, BASE + M / 2, 3 * M / 2, 8, 0)).isZero();
    assertThat(shown(tables::backing)).isEmpty();
    var _ = p.guestRun(vcpu, new GuestAction.Write(BASE + M / 2, 1));
    var _ = p.guestRun(vcpu, new GuestAction.Write(BASE + M + 5 * 4096, 1));
    var _ = p.guestRun(second, new GuestAction.Read(BASE + 2 * M));
    assertThat(shown(tables::backing))
        .containsExactly(
            "40100+256 0 PRIVATE allocated, prepared to a frame",
            "40200+512 9 PRIVATE allocated, prepared to a frame");
    assertThat(shown(into -> tables.stage(false, into)))
        .containsExactly(
            "40100+1 0 PRIVATE private to a frame",
            "40200+512 9 PRIVATE private to a frame",
            "40400+1 0 SHARED shared, read-only to a frame");
    assertThat(tables.hasMirror()).isFalse();
    assertThat(shown(into -> tables.stage(true, into))).isEmpty();
    assertThat(tables.vcpus()).containsExactly(3, 5);
    assertThat(shown(into -> tables.cached(3, into)))
        .containsExactlyInAnyOrder(
            "40100+1 0 PRIVATE private to a frame", "40205+1 0 PRIVATE private to a frame");
    assertThat(shown(into -> tables.cached(5, into)))
        .containsExactly("40400+1 0 SHARED shared, read-only to a frame");
    assertThat(shown(into -> tables.cached(4, into))).isEmpty();
    Objects.requireNonNull(p.vm(vm)).flushRemoteTlbs();
    assertThat(shown(into -> tables.cached(5, into)))
        .containsExactly("40400+1 0 SHARED shared, read-only, to be flushed to a frame");
  }

  @Test
  void aFrameIsTheOneThatTheGuestRunsOn() {
    assertThat(p.setMemoryAttributes(vm, BASE + M, M, 8, 0)).isZero();
    var _ = p.guestRun(vcpu, new GuestAction.Write(BASE + M, 1));
    long frame = Objects.requireNonNull(p.vm(vm)).context().mappedPfn((BASE + M) >>> 12, true);
    long[] seen = {-1, -1, -1};
    tables.backing((first, _, _, pfn, _, _) -> seen[0] = first == 0x40200 ? pfn : seen[0]);
    tables.stage(false, (_, _, _, pfn, _, _) -> seen[1] = pfn);
    tables.cached(3, (_, _, _, pfn, _, _) -> seen[2] = pfn);
    assertThat(seen).containsExactly(frame, frame, frame);
  }

  @Test
  void theLogOfDirtyPagesIsShownByGfn() {
    for (int page : new int[] {0, 1, 63, 64, 200, 511}) {
      var _ = p.guestRun(vcpu, new GuestAction.Write(BASE + 2 * M + page * 4096L, 1));
    }
    List<Long> dirty = new ArrayList<>();
    tables.dirty(dirty::add);
    assertThat(dirty).containsExactly(0x40400L, 0x40401L, 0x4043fL, 0x40440L, 0x404c8L, 0x405ffL);
  }
}
