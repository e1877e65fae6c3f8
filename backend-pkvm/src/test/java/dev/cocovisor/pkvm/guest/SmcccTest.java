package dev.cocovisor.pkvm.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which answers of a call refuse it, and by which name. */
class SmcccTest {
  @ParameterizedTest
  @CsvSource({
    "0xc6000003, -1, -1, NOT_SUPPORTED",
    "0xc6000003, -3, -3, INVALID_PARAMETER",
    "0x84000003, 0xfffffffe, -2, INVALID_PARAMETERS",
    "0xc4000003, -4, -4, ALREADY_ON",
    "0x84000003, 0xfffffff7, -9, INVALID_ADDRESS",
    "0xc6000003, -14, -14, -14"
  })
  void smallNegativeNumbersRefuse(String fn, String x0, long refusal, String name) {
    long function = Long.decode(fn);
    assertThat(Smccc.refusal(function, Long.decode(x0))).isEqualTo(refusal);
    assertThat(Smccc.nameOf(function, refusal)).isEqualTo(name);
  }

  @ParameterizedTest
  @CsvSource({
    "0x84000000, 0x10003", // PSCI_VERSION
    "0x86000000, 0x82c3a8f1", // a word of an identity whose top bit is set
    "0xc6000002, 0x1000", // the granule of MEMINFO
    "0xc6000003, 0",
    "0xc6000003, -4096"
  })
  void everythingElseIsAResult(String fn, String x0) {
    assertThat(Smccc.refusal(Long.decode(fn), Long.decode(x0))).isZero();
  }

  @Test
  void theUpperHalfOfANarrowAnswerDoesNotCount() {
    assertThat(Smccc.refusal(0x8400_0003L, 0xffff_ffffL)).isEqualTo(-1);
    assertThat(Smccc.refusal(0xc400_0003L, 0xffff_ffffL)).isZero();
  }
}
