package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.SecondStage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A range over two slots whose second split fails, in both orders there are; cached MMIO. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class SplitOrderTest {
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long M = 2L << 20;

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private KvmProcess process;
  private Kvm kvm;
  private int vm;
  private int gmem;

  /** Two slots of 4 MiB in a row, both mapped huge, and a host that splits once. */
  private void start(String order) {
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    kvm =
        new Kvm(
            HostConfig.DEFAULT
                .withSetting("core.gmem-order", "9")
                .withSetting("core.split-order", order),
            List.of(new FakeBackend(ops)));
    process = new KvmProcess(kvm);
    vm = (int) process.createVm((int) process.openDevKvm(), 5);
    int vcpu = (int) process.createVcpu(vm, 0);
    gmem = (int) process.createGuestMemfd(vm, 4 * M, 0);
    process.mmap(HVA, 4 * M, 3, 0x22, -1, 0);
    for (long i = 0; i < 2; i++) {
      long at = i * 2 * M;
      assertThat(process.setUserMemoryRegion2(vm, i, 4, BASE + at, 2 * M, HVA + at, at, gmem))
          .isZero();
    }
    process.setMemoryAttributes(vm, BASE, 4 * M, 8, 0);
    assertThat(process.preFaultMemory(vcpu, 0, new long[] {BASE, 4 * M})).isZero();
    assertThat(process.stats(vm)).isEqualTo(new PageStats(0, 4, 0));
    doReturn(Errno.OK, Errno.ENOMEM)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), anyBoolean());
  }

  /** The last page and a half of the first slot and of the second one. */
  private long convert() {
    return process.setMemoryAttributes(vm, BASE + M + M / 2, M, 0, 0);
  }

  private void checked() {
    assertThat(kvm.violations()).isEmpty();
  }

  // Cover letter of "KVM: TDX huge page support for private memory": split, zap, next slot.
  @Test
  void slotBySlotTheFirstSlotHasLostItsPagesAndAttributesStay() {
    start("by-range");
    assertThat(convert()).isEqualTo(-Errno.ENOMEM.number());
    assertThat(process.stats(vm)).isEqualTo(new PageStats(256, 3, 0));
    checked();
    doReturn(Errno.OK)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), anyBoolean());
    assertThat(convert()).isZero();
    assertThat(process.stats(vm)).isEqualTo(new PageStats(512, 2, 0));
    checked();
  }

  @Test
  void allSplitsFirstNothingIsLost() {
    start("all-first");
    assertThat(convert()).isEqualTo(-Errno.ENOMEM.number());
    verify(ops, never()).removeExternalSpte(anyLong(), any(), anyLong());
    assertThat(process.stats(vm)).isEqualTo(new PageStats(512, 3, 0));
    checked();
  }

  @Test
  void aHoleOverTwoSlotsKeepsTheSameOrders() {
    start("by-range");
    assertThat(process.fallocate(gmem, 3, M + M / 2, M)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(process.stats(vm)).isEqualTo(new PageStats(256, 3, 0));
    assertThat(process.guestMemfd(gmem).pages()).as("no frame is freed").isEqualTo(2048);
    checked();
    start("all-first");
    assertThat(process.fallocate(gmem, 3, M + M / 2, M)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(process.stats(vm)).isEqualTo(new PageStats(512, 3, 0));
    assertThat(process.guestMemfd(gmem).pages()).isEqualTo(2048);
    checked();
  }

  // mmu.c, check_mmio_spte: an entry made under other slots is not believed.
  @Test
  void anAddressWithoutMemoryIsRememberedUntilSlotsChange() {
    List<Long> mapped = new ArrayList<>();
    Kvm plain =
        new Kvm(
            HostConfig.DEFAULT,
            List.of(),
            TraceSink.OFF,
            CoreParts.DEFAULT.withSecondStage((host, shape) ->
                new ForwardingSecondStage(SecondStage.standard(host, shape)) {
                  @Override
                  public int map(PageFault fault, VcpuContext vcpu) {
                    mapped.add(fault.gfn);
                    return super.map(fault, vcpu);
                  }
                }));
    KvmProcess p = new KvmProcess(plain);
    int machine = (int) p.createVm((int) p.openDevKvm(), 0);
    int cpu = (int) p.createVcpu(machine, 0);
    p.mmap(HVA, M, 3, 0x22, -1, 0);
    Exit mmio = new Exit.Mmio(BASE, 1, false);
    assertThat(p.guestRun(cpu, new GuestAction.Read(BASE)).exit()).isEqualTo(mmio);
    assertThat(p.guestRun(cpu, new GuestAction.Read(BASE)).exit()).isEqualTo(mmio);
    assertThat(mapped).as("the second one finds the entry").hasSize(1);
    assertThat(p.setUserMemoryRegion2(machine, 1, 0, 2 * BASE, M, HVA, 0, -1)).isZero();
    assertThat(p.guestRun(cpu, new GuestAction.Read(BASE)).exit()).isEqualTo(mmio);
    assertThat(mapped).as("other slots, looked up again").hasSize(2);
    assertThat(p.setUserMemoryRegion2(machine, 1, 0, 2 * BASE, 0, HVA, 0, -1)).isZero();
    assertThat(p.setUserMemoryRegion2(machine, 1, 0, BASE, M, HVA, 0, -1)).isZero();
    assertThat(p.guestRun(cpu, new GuestAction.Read(BASE)).exit()).isEqualTo(new Exit.Hlt(0));
  }
}
