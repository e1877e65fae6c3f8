package dev.cocovisor.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What the VM of a benchmark can do and says it cannot. */
class BenchVmTest {
  private static final long MEMORY = 16L << 20;

  @Test
  void aRealmsFaultIsHandledWhileNoVcpuRuns() {
    try (var vm = new BenchVm("cca", 1, MEMORY, false)) {
      vm.fault(vm.vcpu(0), 0);
      vm.check();
    }
  }

  @Test
  void aTrustedHalfThatGivesToALoadedVcpuOnlySaysSo() {
    try (var vm = new BenchVm("pkvm", 1, MEMORY, false)) {
      assertThatThrownBy(() -> vm.fault(vm.vcpu(0), 0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("no fault is handled outside a run")
          .hasMessageEndingWith("read-4k measures the guest's own");
    }
  }

  @Test
  void theGuestsOwnReadsAreMeasuredThere() {
    assertThat(FaultCpu.measure("pkvm", "read-4k", 1).perSecond()).isPositive();
    assertThat(FaultCpu.measure("cca", "private-4k", 1).perSecond()).isPositive();
  }
}
