package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import dev.cocovisor.tdx.module.td.CpuidFieldId;
import org.junit.jupiter.api.Test;

/**
 * TDH.MNG.RD of what a TD finds in CPUID. Source: TDX module 1.5.01, {@code tdh_mng_rd_wr.c},
 * tdh_mng_rdwr; {@code metadata_td.c}, md_td_get_element; {@code op_state_lookup.c}; {@code
 * cpuid_configurations.c}, cpuid_lookup.
 */
class MetadataTest {
  private static final long NA = CpuidConfig.NO_SUBLEAF;

  private static long read(Bench b, long field) {
    return b.host.call(SeamCall.MNG_RD, Bench.TDR, field, 0, 0);
  }

  @Test
  void aFieldIsNamedByLeafSubleafAndHalf() {
    assertThat(CpuidFieldId.of(0x80000008L, NA, 1) & 0xffffffffL).isEqualTo(0x111ff);
    assertThat(CpuidFieldId.of(4, 3, 0) & 0xffffffffL).isEqualTo(0x806);
    Bench b = Bench.initialized(true);
    b.must(read(b, CpuidFieldId.of(0, NA, 0)));
    assertThat(b.host.r8()).isEqualTo(0x756e6547_00000023L);
    b.must(read(b, CpuidFieldId.of(0, NA, 1)));
    assertThat(b.host.r8()).isEqualTo(0x49656e69_6c65746eL);
  }

  @Test
  void aLeafWithSubleavesIsReadByThemAndOneWithoutByAny() {
    Bench b = Bench.initialized(true);
    long none = SeamStatus.METADATA_FIELD_ID_INCORRECT.code();
    assertThat(read(b, CpuidFieldId.of(4, NA, 0))).isEqualTo(none);
    assertThat(read(b, CpuidFieldId.of(4, 4, 0))).isZero();
    assertThat(read(b, CpuidFieldId.of(4, 5, 0))).isEqualTo(none);
    assertThat(read(b, CpuidFieldId.of(1, 17, 0))).isZero();
  }

  @Test
  void leavesThatFaultOrThatTheModuleHasNotCannotBeReadNorOtherFields() {
    Bench b = Bench.initialized(true);
    assertThat(read(b, CpuidFieldId.of(6, NA, 0)))
        .isEqualTo(SeamStatus.METADATA_FIELD_NOT_READABLE.code());
    for (int subleaf : new int[] {0, 5}) {
      assertThat(read(b, CpuidFieldId.of(0x1f, subleaf, 0)))
          .isEqualTo(SeamStatus.METADATA_FIELD_NOT_READABLE.code());
    }
    long none = SeamStatus.METADATA_FIELD_ID_INCORRECT.code();
    assertThat(read(b, CpuidFieldId.of(0x1f, 6, 0))).isEqualTo(none);
    assertThat(read(b, CpuidFieldId.of(2, NA, 0))).isEqualTo(none);
    assertThat(read(b, CpuidFieldId.of(0, NA, 0) | 1L << 17)).isEqualTo(none);
    assertThat(read(b, 0)).isEqualTo(none);
    assertThat(b.host.r8()).isZero();
  }

  @Test
  void aTdThatIsNotInitialisedOrIsLostHasNoMetadata() {
    Bench b = new Bench();
    b.must(b.host.mngCreate(Bench.TDR, 0x20));
    long field = CpuidFieldId.of(0, NA, 0);
    assertThat(read(b, field)).isEqualTo(SeamStatus.TD_KEYS_NOT_CONFIGURED.code());
    b.must(b.host.mngKeyConfig(Bench.TDR));
    for (int i = 1; i <= 6; i++) {
      b.must(b.host.mngAddCx(Bench.TDR, Bench.TDR + i * 0x1000L));
    }
    assertThat(read(b, field)).isEqualTo(SeamStatus.OP_STATE_INCORRECT.code());
    Bench lost = Bench.runnable(true);
    lost.td().markFatal();
    assertThat(read(lost, field)).isEqualTo(SeamStatus.TD_FATAL.code());
    assertThat(lost.host.call(SeamCall.MNG_RD, Bench.VCPU, field, 0, 0))
        .isEqualTo(SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX));
  }
}
