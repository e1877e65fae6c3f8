package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.SeamStatus;
import org.junit.jupiter.api.Test;

/**
 * What the host is told of VM exits that the processor makes by itself, and who can run on. Source:
 * TDX module 1.5.01, {@code tdx_td_dispatcher.c}, tdx_td_dispatcher; {@code td_exit.c},
 * async_tdexit_internal; {@code td_other_exits.c}, td_exception_or_nmi_exit.
 */
class ProcessorExitsTest {
  private static long exit(Bench b, long reason, long qualification, long interruption) {
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(SeamStatus.IN_GUEST);
    b.module.vmExit(Bench.LP, reason, qualification, interruption);
    assertThat(b.module.exitRegisters(Bench.LP).rcx).isEqualTo(qualification);
    assertThat(b.module.exitRegisters(Bench.LP).r9).isEqualTo(interruption);
    return b.module.exitRegisters(Bench.LP).rax;
  }

  @Test
  void anExitThatIsNobodysFaultIsASuccessWithItsReasonAndTheVcpuRunsOn() {
    Bench b = Bench.runnable(true);
    for (long reason : new long[] {1, 3, 6, 9, 49, 74, 75, 75 | 1L << 26}) {
      assertThat(exit(b, reason, 0, 0)).isEqualTo(reason);
    }
    assertThat(exit(b, 0, 0, 0x80000202L)).isZero();
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(SeamStatus.IN_GUEST);
  }

  @Test
  void aTripleFaultEndsTheVcpuAloneAndNobodyEntersItAgain() {
    Bench b = Bench.runnable(true);
    assertThat(exit(b, 2, 0, 0)).isEqualTo(SeamStatus.NON_RECOVERABLE_VCPU.code() | 2);
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(SeamStatus.VCPU_STATE_INCORRECT.code());
    assertThat(b.onLp1.vpEnter(Bench.VCPU_1)).isEqualTo(SeamStatus.IN_GUEST);
  }

  @Test
  void aNotificationWhoseContextIsLostAndMachineChecksEndTheTd() {
    long lost = SeamStatus.NON_RECOVERABLE_TD_NON_ACCESSIBLE.code();
    long[][] ends = {
      {75, 1, 0, SeamStatus.NON_RECOVERABLE_TD.code() | 75},
      {6, 1, 0, lost | 6},
      {0, 0, 0x80000312L, lost},
    };
    for (long[] e : ends) {
      Bench b = Bench.runnable(true);
      assertThat(exit(b, e[0], e[1], e[2])).isEqualTo(e[3]);
      assertThat(b.onLp1.vpEnter(Bench.VCPU_1)).isEqualTo(SeamStatus.TD_FATAL.code());
    }
  }
}
