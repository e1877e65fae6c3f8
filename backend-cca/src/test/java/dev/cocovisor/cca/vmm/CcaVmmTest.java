package dev.cocovisor.cca.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.cca.guest.Rsi;
import dev.cocovisor.cca.rmm.run.RsiCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a realm's registers mean. */
class CcaVmmTest {
  private final CcaVmm vmm = new CcaVmm();

  private static RunResult registers(long... x) {
    Fields out = new Fields();
    for (int i = 0; i < x.length; i++) {
      out.put("x" + i, x[i]);
    }
    return RunResult.ok(new Exit.Vendor(-1, "DONE", out));
  }

  @ParameterizedTest
  @CsvSource({
    "1, RSI_ERROR_INPUT",
    "2, RSI_ERROR_STATE",
    "3, RSI_INCOMPLETE",
    "-1, SMCCC_NOT_SUPPORTED"
  })
  void anRsiCallThatDidNotSucceedIsRefusedByItsName(long x0, String says) {
    GuestAction set = Rsi.ipaStateSet(0, 0x1000, Rsi.RAM, 0);
    assertThat(vmm.judge(set, registers(x0, 0, 0))).isEqualTo(new GuestAnswer.Refused(x0, says));
  }

  @Test
  void aRejectedRipasChangeIsRefusedThoughTheCallSucceeded() {
    assertThat(vmm.judge(Rsi.result(), registers(0, 0x1000, 1)))
        .isEqualTo(new GuestAnswer.Refused(1, "RSI_REJECT"));
    assertThat(vmm.judge(Rsi.result(), registers(0, 0x1000, 0)).done()).isTrue();
  }

  @Test
  void psciAnswersByNegativeNumbers() {
    GuestAction on = Rsi.call(RsiCall.PSCI_CPU_ON, 1, 0, 0);
    assertThat(vmm.judge(on, registers(-4)))
        .isEqualTo(new GuestAnswer.Refused(-4, "PSCI_ALREADY_ON"));
    assertThat(vmm.judge(Rsi.call(RsiCall.PSCI_VERSION), registers(0x10001)))
        .isEqualTo(new GuestAnswer.Done(0x10001));
  }

  @Test
  void aRunThatFailedStoppedTheGuest() {
    RunResult dead = new RunResult(Errno.EIO, new Exit.Unknown());
    assertThat(vmm.judge(Rsi.result(), dead)).isInstanceOf(GuestAnswer.Stopped.class);
  }

  @Test
  void aMemoryFaultAsksTheHost() {
    RunResult asks = new RunResult(Errno.EFAULT, new Exit.MemoryFault(0, 0x1000, 0x1000));
    assertThat(vmm.judge(Rsi.ipaStateSet(0x1000, 0x2000, Rsi.EMPTY, 1), asks))
        .isInstanceOf(GuestAnswer.AsksHost.class);
  }
}
