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
