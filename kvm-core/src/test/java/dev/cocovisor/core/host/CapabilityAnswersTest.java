package dev.cocovisor.core.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.cocovisor.api.Capability;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import org.junit.jupiter.api.Test;

class CapabilityAnswersTest {
  @Test
  void aMachinesAnswersWinOverTheModels() {
    var host =
        HostConfig.DEFAULT.withSetting(
            CoreSettings.CAPABILITIES.name(), "KVM_CAP_X86_SMM=0  KVM_CAP_NR_MEMSLOTS=7/9 0xee=3");
    try (var kvm = new Kvm(host, List.of())) {
      var p = new KvmProcess(kvm);
      int dev = (int) p.openDevKvm();
      int vm = (int) p.createVm(dev, 0);
      assertThat(p.checkExtension(dev, Capability.KVM_CAP_X86_SMM.number())).isZero();
      assertThat(p.checkExtension(dev, Capability.KVM_CAP_NR_MEMSLOTS.number())).isEqualTo(7);
      assertThat(p.checkExtension(vm, Capability.KVM_CAP_NR_MEMSLOTS.number())).isEqualTo(9);
      assertThat(p.checkExtension(vm, 0xee)).isEqualTo(3);
      assertThat(p.checkExtension(vm, Capability.KVM_CAP_USER_MEMORY.number())).isEqualTo(1);
      assertThat(p.checkExtension(99, 0xee)).isEqualTo(-9);
    }
  }

  @Test
  void aTextThatIsNoneSaysWhereItIsWrong() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CapabilityAnswers("KVM_CAP_IRQCHIP=1 KVM_CAP_NONE=1"))
        .withMessageContaining("KVM_CAP_NONE");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CapabilityAnswers("=1"))
        .withMessageContaining("NAME=N");
  }
}
