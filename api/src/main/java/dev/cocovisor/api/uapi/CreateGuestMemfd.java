package dev.cocovisor.api.uapi;

import org.apiguardian.api.API;

/**
 * {@code struct kvm_create_guest_memfd}.
 *
 * @param size bytes
 * @param flags GUEST_MEMFD_FLAG_*
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record CreateGuestMemfd(long size, long flags) {
  /** GUEST_MEMFD_FLAG_MMAP: the file can be mapped by the VMM. */
  public static final long MMAP = 1;

  /** GUEST_MEMFD_FLAG_INIT_SHARED: its memory starts shared. */
  public static final long INIT_SHARED = 1 << 1;
}
