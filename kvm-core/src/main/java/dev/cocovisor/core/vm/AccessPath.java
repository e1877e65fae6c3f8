package dev.cocovisor.core.vm;

import dev.cocovisor.api.guest.Access;

/** How a guest's loads, stores and fetches are carried out. */
interface AccessPath {
  /**
   * One byte.
   *
   * @param encrypted whether the guest asks for its private view
   * @return 0 to 255, a negative errno, or {@link GuestAccess#EXITED}
   */
  long access(long gpa, Access access, int value, boolean encrypted);
}
