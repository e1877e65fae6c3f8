package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.trace.TraceSink;
import java.util.Set;

/**
 * KVM_ARM_VCPU_INIT: which features vCPUs have, decided for the whole VM by the first one.
 *
 * <p>Source: {@code arch/arm64/kvm/arm.c}, kvm_arch_vcpu_ioctl_vcpu_init, kvm_vcpu_set_target,
 * kvm_vcpu_init_check_features.
 */
final class VcpuInit {
  /** KVM_ARM_VCPU_POWER_OFF: this vCPU starts switched off; not a feature of the VM. */
  private static final long POWER_OFF = 1;

  /** KVM_ARM_VCPU_PSCI_0_2. */
  private static final long PSCI_0_2 = 1 << 2;

  /** KVM_VCPU_VALID_FEATURES: what the kernel knows. */
  private static final long KNOWN = (1 << 10) - 1;

  /** KVM_ARM_VCPU_EL1_32BIT. */
  private static final long AARCH32 = 1 << 1;

  /** KVM_ARM_VCPU_HAS_EL2_E2H0, which says nothing without HAS_EL2 and is taken on any host. */
  private static final long E2H0 = 1 << 8;

  /**
   * What the recorded host supports: no PMU, SVE, pointer authentication or nested virtualization
   * for guests. Source: {@code arch/arm64/kvm/arm.c}, system_supported_vcpu_features.
   */
  private static final long SUPPORTED = POWER_OFF | AARCH32 | PSCI_0_2 | E2H0;

  /**
   * KVM_ARM_TARGET_GENERIC_V8, which KVM_ARM_PREFERRED_TARGET answers on any CPU, its word in logs,
   * and KVM_ARM_TARGET_CORTEX_A57, the recorded host's kvm_target_cpu.
   */
  private static final Set<String> TARGETS = Set.of("5", "PREFERRED", "2");

  private final TraceSink trace;
  private long features = -1;

  VcpuInit(TraceSink trace) {
    this.trace = trace;
  }

  /** Tells whether guests have PSCI 1.3; otherwise it is that of version 0.1. */
  boolean hasPsci() {
    return features > 0 && (features & PSCI_0_2) != 0;
  }

  Errno init(PkvmVcpu v, Fields in) {
    if (!TARGETS.contains(in.text("target", "PREFERRED"))) {
      return trace.refuse(Errno.EINVAL, "a target that is not this CPU's");
    }
    long asked = in.number("features[0]", in.number("features", 0));
    if ((asked & ~KNOWN) != 0) {
      return trace.refuse(Errno.ENOENT, "a vCPU feature that 7.3 does not know");
    }
    if ((asked & ~SUPPORTED) != 0) {
      return trace.refuse(Errno.EINVAL, "a vCPU feature that this host does not have");
    }
    long wanted = asked & ~POWER_OFF;
    if (features >= 0 && features != wanted) {
      return trace.refuse(Errno.EINVAL, "the VM's vCPUs have other features");
    }
    features = wanted;
    v.initialised = true;
    v.stopped = (asked & POWER_OFF) != 0;
    v.progress.reset(0);
    return Errno.OK;
  }
}
