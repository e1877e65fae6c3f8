package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What became of an instruction or an access, as one number and in words. */
class RmpOutcomeTest {
  // PFERR bits: APM volume 2, 15.36.10, and arch/x86/include/asm/kvm_host.h.
  private static Map<Long, String> bits() {
    Map<Long, String> all = new LinkedHashMap<>();
    all.put(1L, "P");
    all.put(1L << 1, "W");
    all.put(1L << 2, "U");
    all.put(1L << 4, "I");
    all.put(1L << 31, "RMP");
    all.put(1L << 32, "FINAL");
    all.put(1L << 33, "TABLE");
    all.put(1L << 34, "ENC");
    all.put(1L << 35, "SIZEM");
    all.put(1L << 36, "VMPL");
    all.put(1L << 37, "SSS");
    return all;
  }

  @Test
  void eachBitOfAnErrorCodeHasItsWord() {
    long every = 0;
    StringBuilder words = new StringBuilder();
    for (Map.Entry<Long, String> bit : bits().entrySet()) {
      assertThat(RmpOutcome.describe(RmpOutcome.nestedFault(bit.getKey())))
          .isEqualTo("#NPF " + bit.getValue());
      assertThat(RmpOutcome.describe(RmpOutcome.pageFault(bit.getKey())))
          .isEqualTo("#PF " + bit.getValue());
      every |= bit.getKey();
      words.append(' ').append(bit.getValue());
    }
    assertThat(RmpOutcome.describe(RmpOutcome.nestedFault(every))).isEqualTo("#NPF" + words);
    assertThat(RmpOutcome.errorCode(RmpOutcome.nestedFault(every))).isEqualTo(every);
    assertThat(RmpOutcome.describe(RmpOutcome.pageFault(0))).isEqualTo("#PF");
  }

  @Test
  void anInstructionThatRanToItsEndHasEaxAndCarry() {
    for (int eax : new int[] {0, 1, 6}) {
      for (long carry : new long[] {0, RmpOutcome.CF}) {
        long o = RmpOutcome.completed(eax) | carry;
        assertThat(RmpOutcome.isCompleted(o)).isTrue();
        assertThat(RmpOutcome.eax(o)).isEqualTo(eax);
        assertThat(RmpOutcome.carry(o)).isEqualTo(carry != 0);
        assertThat(RmpOutcome.describe(o)).isEqualTo(RmpCode.name(eax) + (carry == 0 ? "" : " CF"));
        assertThat(RmpOutcome.isPageFault(o) || RmpOutcome.isNestedFault(o) || RmpOutcome.isVc(o))
            .isFalse();
      }
    }
  }

  @Test
  void everyOtherKindIsToldApart() {
    long pf = RmpOutcome.pageFault(RmpOutcome.CF | 3);
    assertThat(RmpOutcome.isPageFault(pf)).isTrue();
    assertThat(RmpOutcome.isNestedFault(pf)).isFalse();
    assertThat(RmpOutcome.isCompleted(pf)).isFalse();
    assertThat(RmpOutcome.carry(pf)).as("a bit of the error code is no carry").isFalse();
    long npf = RmpOutcome.nestedFault(3);
    assertThat(RmpOutcome.isNestedFault(npf)).isTrue();
    assertThat(RmpOutcome.isPageFault(npf)).isFalse();
    assertThat(RmpOutcome.isVc(RmpOutcome.NOT_VALIDATED)).isTrue();
    assertThat(RmpOutcome.isVc(npf)).isFalse();
    Map<Long, String> words =
        Map.of(
            RmpOutcome.NOT_VALIDATED, "#VC 0x404",
            RmpOutcome.GP, "#GP",
            RmpOutcome.UD, "#UD",
            RmpOutcome.INTERRUPTED, "VMEXIT_INTR",
            RmpOutcome.VMEXIT_INVALID, "VMEXIT_INVALID");
    words.forEach((o, w) -> {
      assertThat(RmpOutcome.describe(o)).isEqualTo(w);
      assertThat(RmpOutcome.isCompleted(o)).as(w).isFalse();
    });
  }
}
