package dev.cocovisor.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.cocovisor.core.kernel.KernelSettings;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Settings are refused where they are written, not where they are used. */
class CoreSettingsTest {
  private static Kvm with(String name, String value) {
    return new Kvm(HostConfig.DEFAULT.withSetting(name, value), List.of());
  }

  @Test
  void everySettingHasADefaultThatItTakes() {
    assertThat(CoreSettings.ALL)
        .allSatisfy(s -> assertThat(s.checked(s.byDefault())).isEqualTo(s.byDefault()))
        .filteredOn(s -> !KernelSettings.all().contains(s))
        .allSatisfy(s -> assertThat(s.name()).startsWith("core."));
  }

  @Test
  void aHostSaysWhatIsSetOrTheDefault() {
    assertThat(with("core.cpus", "0x10").cpus()).isEqualTo(16);
    assertThat(with("core.cpus", "2").flag(CoreSettings.SLOT_ZAP_ALL)).isTrue();
    assertThat(with("core.slot-zap-all", "off").flag(CoreSettings.SLOT_ZAP_ALL)).isFalse();
  }

  @Test
  void aNameNobodyDeclaresIsRefusedWithWhatWasMeant() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> with("core.gmem-oder", "9"))
        .withMessage("no setting 'core.gmem-oder': did you mean core.gmem-order?");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> with("tdx.page-size-policy", "upstream"))
        .withMessageContaining("there are core.address-bits, core.attribute-entries");
  }

  @Test
  void aValueThatIsNotTakenIsRefusedWithWhatIs() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> with("core.gmem-order", "1"))
        .withMessage("core.gmem-order=1: 0 or 9 or 18 expected");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> with("core.cpus", "two"))
        .withMessage("core.cpus=two: a number from 1 to 8192 expected");
  }
}
