package dev.cocovisor.live.log;

import org.jspecify.annotations.Nullable;

/** What a descriptor of a traced program names, as far as the model has an opinion on it. */
public enum FileKind {
  /** {@code /dev/kvm}. */
  DEVICE,
  VM,
  VCPU,
  GUEST_MEMFD,
  /** The statistics of a VM or vCPU. */
  STATS,
  /** A memfd, which may be guest memory. */
  MEMFD,
  /** Anything else. */
  OTHER;

  /** Tells whether its ioctls are KVM's. */
  boolean isKvm() {
    return this == DEVICE || this == VM || this == VCPU;
  }

  /** Tells what a descriptor must name that a request of KVM's was made on. */
  static FileKind ofRequest(String request) {
    return switch (request) {
      case "KVM_CREATE_VM",
          "KVM_GET_API_VERSION",
          "KVM_GET_VCPU_MMAP_SIZE",
          "KVM_GET_SUPPORTED_CPUID",
          "KVM_GET_MSR_INDEX_LIST" ->
          DEVICE;
      case "KVM_RUN" -> VCPU;
      case "KVM_CREATE_VCPU",
          "KVM_SET_USER_MEMORY_REGION",
          "KVM_SET_USER_MEMORY_REGION2",
          "KVM_SET_MEMORY_ATTRIBUTES",
          "KVM_CREATE_GUEST_MEMFD",
          "KVM_GET_DIRTY_LOG",
          "KVM_CLEAR_DIRTY_LOG",
          "KVM_CREATE_IRQCHIP",
          "KVM_IRQFD",
          "KVM_IOEVENTFD",
          "KVM_SET_GSI_ROUTING",
          "KVM_IRQ_LINE",
          "KVM_IRQ_LINE_STATUS" ->
          VM;
      default -> OTHER;
    };
  }

  /**
   * Tells a kind by the path that strace (option -y) and {@code /proc/PID/fd} show behind a
   * descriptor; null where the path says nothing.
   */
  public static @Nullable FileKind ofPath(String path) {
    if (path.isEmpty()) {
      return null;
    }
    if (path.startsWith("/dev/kvm")) {
      return DEVICE;
    }
    if (path.contains("guest_memfd") || path.contains("guest-memfd") || path.contains("kvm-gmem")) {
      return GUEST_MEMFD;
    }
    if (path.startsWith("/memfd:")) {
      return MEMFD;
    }
    int kvm = path.indexOf("anon_inode:");
    String name = kvm < 0 ? "" : path.substring(kvm + "anon_inode:".length()).replace("[", "");
    if (name.startsWith("kvm-vm-stats") || name.startsWith("kvm-vcpu-stats")) {
      return STATS;
    }
    if (name.startsWith("kvm-vcpu")) {
      return VCPU;
    }
    return name.startsWith("kvm-vm") ? VM : OTHER;
  }
}
