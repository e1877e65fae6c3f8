package dev.cocovisor.live.trace;

import org.jspecify.annotations.Nullable;

/** The names of KVM's ioctls by their numbers. */
public final class RequestNames {
  private RequestNames() {}

  /**
   * Returns the name of an ioctl, or null if KVM has none of this number.
   *
   * @param request the number as it is passed: direction, size, type and number
   */
  public static @Nullable String of(long request) {
    return Structures.table().name(request & 0xffffffffL);
  }
}
