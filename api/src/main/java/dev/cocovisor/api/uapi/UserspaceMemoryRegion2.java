package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_userspace_memory_region2}: {@link UserspaceMemoryRegion} and a guest_memfd.
 *
 * @param guest_memfd_offset bytes into the file
 * @param guest_memfd descriptor, used where KVM_MEM_GUEST_MEMFD is set
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record UserspaceMemoryRegion2(
    int slot,
    int flags,
    long guest_phys_addr,
    long memory_size,
    long userspace_addr,
    long guest_memfd_offset,
    int guest_memfd) {
  /** KVM_MEM_LOG_DIRTY_PAGES. */
  public static final int LOG_DIRTY_PAGES = 1;

  /** KVM_MEM_READONLY. */
  public static final int READONLY = 1 << 1;

  /** KVM_MEM_GUEST_MEMFD. */
  public static final int GUEST_MEMFD = 1 << 2;

  /** Widens the older structure. */
  public static UserspaceMemoryRegion2 of(UserspaceMemoryRegion r) {
    return new UserspaceMemoryRegion2(
        r.slot(), r.flags(), r.guest_phys_addr(), r.memory_size(), r.userspace_addr(), 0, 0);
  }
}
