package dev.cocovisor.host.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A second stage that counts, around whichever one a technology has. */
class CountingStageTest {
  // begin: counting-stage
  /** Counts the faults that were mapped and the ranges that were taken away. */
  static final class CountingStage extends ForwardingSecondStage {
    private final AtomicLong maps;
    private final AtomicLong zaps;

    CountingStage(SecondStage delegate, AtomicLong maps, AtomicLong zaps) {
      super(delegate);
      this.maps = maps;
      this.zaps = zaps;
    }

    @Override
    public int map(PageFault fault, VcpuContext vcpu) {
      maps.incrementAndGet();
      return super.map(fault, vcpu);
    }

    @Override
    public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
      zaps.incrementAndGet();
      return super.zapLeafs(start, end, roots, notifier);
    }
  }

  // end: counting-stage

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "sw-protected"})
  void aSecondStageThatCountsGoesAroundEveryShape(String technology) {
    AtomicLong maps = new AtomicLong();
    AtomicLong zaps = new AtomicLong();
    // begin: counting-model
    HypervisorModel model =
        HypervisorModel.builder()
            .backends(BackendRegistry.classPathOnly(), "tdx", "sev-snp")
            .secondStage(
                (host, shape) -> new CountingStage(SecondStage.standard(host, shape), maps, zaps))
            .build();
    // end: counting-model
    GuestVm guest = model.guest(technology).memory("16M").boot();
    maps.set(0);
    zaps.set(0);
    // begin: counting-use
    guest.prefault(0x100000, 0x4000);
    assertThat(maps.get()).isEqualTo(4);
    guest.punch(0x100000, 0x2000);
    assertThat(zaps.get()).isEqualTo(1);
    // end: counting-use
    assertThat(model.violations()).isEmpty();
  }
}
