package dev.cocovisor.api.vmm;

import org.apiguardian.api.API;

/**
 * A piece of guest RAM, one memslot.
 *
 * @param slot the slot's number
 * @param gpa guest-physical address of its first byte
 * @param size bytes
 * @param userAddress where the VMM has it mapped; with guest_memfd, its shared half
 * @param guestMemfd the descriptor of its private half, or -1
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VmmBank(int slot, long gpa, long size, long userAddress, int guestMemfd) {
  /** Tells whether a guest-physical range lies within. */
  public boolean holds(long from, long bytes) {
    return from >= gpa && from - gpa <= size && bytes <= size - (from - gpa);
  }

  /** Returns the user address of a guest-physical one. */
  public long userAddressOf(long at) {
    return userAddress + (at - gpa);
  }
}
