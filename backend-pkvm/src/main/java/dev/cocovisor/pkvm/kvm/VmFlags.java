package dev.cocovisor.pkvm.kvm;

/** What a VMM enabled for a VM; under {@code kvm->lock}. Source: {@code kvm->arch.flags}. */
final class VmFlags {
  /** KVM_CAP_ARM_SYSTEM_SUSPEND: the VMM takes PSCI's SYSTEM_SUSPEND. */
  boolean suspends;

  /** KVM_CAP_ARM_NISV_TO_USER: the VMM takes accesses without a syndrome. */
  boolean nisvToUser;
}
