package dev.cocovisor.core.facts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Capability;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What KVM_CHECK_EXTENSION answers, as recorded on Linux 7.3. */
class AdvertisedCapabilitiesTest {
  private static long asked(Vmm vmm, int fd, Capability cap) {
    return vmm.process.checkExtension(fd, cap.number());
  }

  @Test
  void aDefaultVmHasSharedGuestMemfdsAndTwoAddressSpacesButNoAttributes() {
    Vmm vmm = Vmm.of(Vmm.DEFAULT);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_GUEST_MEMFD_FLAGS)).isEqualTo(3);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_MULTI_ADDRESS_SPACE)).isEqualTo(2);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_MEMORY_ATTRIBUTES)).isZero();
  }

  @Test
  void aSoftwareProtectedVmHasAttributesAndOneAddressSpace() {
    Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_GUEST_MEMFD_FLAGS)).isEqualTo(1);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_MULTI_ADDRESS_SPACE)).isEqualTo(1);
    assertThat(asked(vmm, vmm.vm, Capability.KVM_CAP_MEMORY_ATTRIBUTES)).isEqualTo(8);
  }

  @Test
  void theHostAnswersForWhatEveryVmHas() {
    Vmm vmm = Vmm.of(Vmm.DEFAULT);
    for (Capability yes :
        List.of(
            Capability.KVM_CAP_USER_MEMORY,
            Capability.KVM_CAP_SYNC_MMU,
            Capability.KVM_CAP_USER_MEMORY2,
            Capability.KVM_CAP_MEMORY_FAULT_INFO,
            Capability.KVM_CAP_READONLY_MEM,
            Capability.KVM_CAP_GUEST_MEMFD,
            Capability.KVM_CAP_PRE_FAULT_MEMORY,
            Capability.KVM_CAP_X86_GUEST_MODE)) {
      assertThat(asked(vmm, vmm.dev, yes)).as(yes.toString()).isEqualTo(1);
    }
    assertThat(asked(vmm, vmm.dev, Capability.KVM_CAP_VM_TYPES)).isEqualTo(3);
    assertThat(asked(vmm, vmm.dev, Capability.KVM_CAP_NR_VCPUS)).isPositive();
    assertThat(asked(vmm, vmm.dev, Capability.KVM_CAP_MAX_VCPU_ID))
        .isGreaterThanOrEqualTo(asked(vmm, vmm.dev, Capability.KVM_CAP_MAX_VCPUS));
    assertThat(vmm.process.checkExtension(vmm.dev, 100_000)).isZero();
  }

  @Test
  void anArmHostHasNoneOfX86s() {
    KvmProcess arm =
        new KvmProcess(new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.ARM64), List.of()));
    int dev = (int) arm.openDevKvm();
    for (Capability no :
        List.of(
            Capability.KVM_CAP_EXIT_HYPERCALL,
            Capability.KVM_CAP_PRE_FAULT_MEMORY,
            Capability.KVM_CAP_X86_GUEST_MODE,
            Capability.KVM_CAP_VM_TYPES)) {
      assertThat(arm.checkExtension(dev, no.number())).as(no.toString()).isZero();
    }
    assertThat(arm.checkExtension(dev, Capability.KVM_CAP_NR_MEMSLOTS.number())).isEqualTo(32767);
  }
}
