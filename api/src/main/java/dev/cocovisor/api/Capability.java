package dev.cocovisor.api;

import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * KVM_CAP_* with their numbers. Source: {@code include/uapi/linux/kvm.h}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum Capability {
  KVM_CAP_USER_MEMORY(3),
  KVM_CAP_NR_VCPUS(9),
  KVM_CAP_NR_MEMSLOTS(10),
  KVM_CAP_SYNC_MMU(16),
  KVM_CAP_DESTROY_MEMORY_REGION_WORKS(21),
  KVM_CAP_JOIN_MEMORY_REGIONS_WORKS(30),
  KVM_CAP_MAX_VCPUS(66),
  KVM_CAP_READONLY_MEM(81),
  KVM_CAP_ENABLE_CAP_VM(98),
  KVM_CAP_CHECK_EXTENSION_VM(105),
  KVM_CAP_DISABLE_QUIRKS(116),
  KVM_CAP_MULTI_ADDRESS_SPACE(118),
  KVM_CAP_MAX_VCPU_ID(128),
  KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2(168),
  KVM_CAP_VM_COPY_ENC_CONTEXT_FROM(197),
  KVM_CAP_EXIT_HYPERCALL(201),
  KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM(206),
  KVM_CAP_DISABLE_QUIRKS2(213),
  KVM_CAP_USER_MEMORY2(231),
  KVM_CAP_MEMORY_FAULT_INFO(232),
  KVM_CAP_MEMORY_ATTRIBUTES(233),
  KVM_CAP_GUEST_MEMFD(234),
  KVM_CAP_VM_TYPES(235),
  KVM_CAP_PRE_FAULT_MEMORY(236),
  KVM_CAP_X86_GUEST_MODE(238),
  KVM_CAP_GUEST_MEMFD_FLAGS(244);

  private final int number;

  Capability(int number) {
    this.number = number;
  }

  /** Returns the number. */
  public int number() {
    return number;
  }

  /** Finds a capability by number, null if the model does not know it. */
  public static @Nullable Capability of(int number) {
    for (Capability c : values()) {
      if (c.number == number) {
        return c;
      }
    }
    return null;
  }
}
