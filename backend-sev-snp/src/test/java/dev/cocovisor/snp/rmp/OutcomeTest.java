package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What became of an instruction or an access, as one number and in words. */
class OutcomeTest {
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
      assertThat(Outcome.describe(Outcome.nestedFault(bit.getKey())))
          .isEqualTo("#NPF " + bit.getValue());
      assertThat(Outcome.describe(Outcome.pageFault(bit.getKey())))
          .isEqualTo("#PF " + bit.getValue());
      every |= bit.getKey();
      words.append(' ').append(bit.getValue());
    }
    assertThat(Outcome.describe(Outcome.nestedFault(every))).isEqualTo("#NPF" + words);
    assertThat(Outcome.errorCode(Outcome.nestedFault(every))).isEqualTo(every);
    assertThat(Outcome.describe(Outcome.pageFault(0))).isEqualTo("#PF");
  }

  @Test
  void anInstructionThatRanToItsEndHasEaxAndCarry() {
    for (int eax : new int[] {0, 1, 6}) {
      for (long carry : new long[] {0, Outcome.CF}) {
        long o = Outcome.completed(eax) | carry;
        assertThat(Outcome.isCompleted(o)).isTrue();
        assertThat(Outcome.eax(o)).isEqualTo(eax);
        assertThat(Outcome.carry(o)).isEqualTo(carry != 0);
        assertThat(Outcome.describe(o)).isEqualTo(RmpCode.name(eax) + (carry == 0 ? "" : " CF"));
        assertThat(Outcome.isPageFault(o) || Outcome.isNestedFault(o) || Outcome.isVc(o)).isFalse();
      }
    }
  }

  @Test
  void everyOtherKindIsToldApart() {
    long pf = Outcome.pageFault(Outcome.CF | 3);
    assertThat(Outcome.isPageFault(pf)).isTrue();
    assertThat(Outcome.isNestedFault(pf)).isFalse();
    assertThat(Outcome.isCompleted(pf)).isFalse();
    assertThat(Outcome.carry(pf)).as("a bit of the error code is no carry").isFalse();
    long npf = Outcome.nestedFault(3);
    assertThat(Outcome.isNestedFault(npf)).isTrue();
    assertThat(Outcome.isPageFault(npf)).isFalse();
    assertThat(Outcome.isVc(Outcome.NOT_VALIDATED)).isTrue();
    assertThat(Outcome.isVc(npf)).isFalse();
    Map<Long, String> words =
        Map.of(
            Outcome.NOT_VALIDATED, "#VC 0x404",
            Outcome.GP, "#GP",
            Outcome.UD, "#UD",
            Outcome.INTERRUPTED, "VMEXIT_INTR",
            Outcome.VMEXIT_INVALID, "VMEXIT_INVALID");
    words.forEach((o, w) -> {
      assertThat(Outcome.describe(o)).isEqualTo(w);
      assertThat(Outcome.isCompleted(o)).as(w).isFalse();
    });
  }
}
