package dev.cocovisor.vmm;

import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;

/** A VMM of KVM_X86_SW_PROTECTED_VM: private memory without a trusted half. */
final class SoftwareProtectedVmm implements VmmDriver {
  @Override
  public long vmType() {
    return VmType.X86_SW_PROTECTED.number();
  }

  @Override
  public VmmRule rule(VmmTopic topic) {
    return SoftwareProtectedRules.of(topic);
  }
}
