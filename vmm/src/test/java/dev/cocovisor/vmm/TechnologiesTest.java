package dev.cocovisor.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import org.junit.jupiter.api.Test;

class TechnologiesTest {
  private static final VmType TYPE = new VmType("KVM_X86_VAULT_VM", 77, Architecture.X86_64);

  private static Backend backend(String id) {
    Backend b = mock(Backend.class);
    when(b.info())
        .thenReturn(
            BackendInfo.builder(id, Architecture.X86_64)
                .vmTypes(TYPE)
                .settings(Setting.flag(id + ".strict", "refuses more", true))
                .build());
    when(b.vmm()).thenReturn(TYPE::number);
    return b;
  }

  @Test
  void theyComeInTheOrderOfTheirIdsWithTheBuiltInOnes() {
    Technologies all = Technologies.of(List.of(backend("vault"), backend("attic")));
    assertThat(all.ids()).containsExactly("attic", "default", "sw-protected", "vault");
    assertThat(all.backends()).extracting(b -> b.info().id()).containsExactly("attic", "vault");
    assertThat(all.require("vault").driver().vmType()).isEqualTo(77);
    assertThat(all.require("default").builtIn()).isTrue();
    assertThat(all.find("safe")).isNull();
  }

  @Test
  void anUnknownIdIsRefusedWithWhatWasMeantAndWhatThereIs() {
    Technologies all = Technologies.of(List.of(backend("vault")));
    assertThatThrownBy(() -> all.require("valut"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "there is no technology 'valut': did you mean vault?"
                + " There are default, sw-protected, vault");
    assertThatThrownBy(() -> all.require("quux"))
        .hasMessage("there is no technology 'quux'; there are default, sw-protected, vault");
    assertThatThrownBy(() -> Technologies.of(List.of(backend("vault"), backend("vault"))))
        .hasMessage("two technologies call themselves 'vault'");
  }

  @Test
  void settingsAndTypesOfAllAreKnownByTheNamesOneTypes() {
    Technologies all = Technologies.of(List.of(backend("vault")));
    assertThat(all.setting("vault.strict").byDefault()).isEqualTo("true");
    assertThat(all.setting("core.cpus").byDefault()).isEqualTo("1");
    assertThatThrownBy(() -> all.setting("vault.strickt"))
        .hasMessage("no setting 'vault.strickt': did you mean vault.strict?");
    assertThat(all.vmTypeSymbols())
        .containsEntry("KVM_X86_VAULT_VM", 77L)
        .containsEntry("KVM_X86_SW_PROTECTED_VM", 1L);
  }

  @Test
  void aTechnologyRunsWhereItsBackendIs() {
    Backend vault = backend("vault");
    Technology technology = Technology.of(vault);
    assertThat(technology.runsOn(new Kvm(HostConfig.DEFAULT, List.of()))).isFalse();
    assertThat(technology.runsOn(new Kvm(HostConfig.DEFAULT, List.of(vault)))).isTrue();
    Kvm arm = new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of());
    assertThat(Technology.SW_PROTECTED.runsOn(arm)).isFalse();
    VmmDriver other = () -> 5;
    assertThat(technology.withDriver(other).runsOn(new Kvm(HostConfig.DEFAULT, List.of(vault))))
        .isFalse();
  }
}
