package dev.cocovisor.vmm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a guest is to have.
 *
 * @param memory bytes of RAM, whole pages
 * @param huge whether the VMM's mapping is of 2 MiB pages (MAP_HUGETLB)
 * @param vcpus number of vCPUs; 0 is possible and leaves a guest that cannot run
 * @param policy what the launch asks of the technology, by names its VMM documents
 * @param from the guest whose very memory this one gets, instead of memory of its own; or null
 */
public record GuestLaunch(
    long memory, boolean huge, long vcpus, Fields policy, @Nullable Guest from) {
  /** 64 MiB in small pages and one vCPU. */
  public static final GuestLaunch DEFAULT =
      new GuestLaunch(64L << 20, false, 1, new Fields(), null);

  /** Returns this with another size of RAM, in bytes. */
  public GuestLaunch withMemory(long bytes) {
    return new GuestLaunch(bytes, huge, vcpus, policy, from);
  }

  /** Returns this with the VMM's mapping in 2 MiB pages, or in small ones. */
  public GuestLaunch withHuge(boolean on) {
    return new GuestLaunch(memory, on, vcpus, policy, from);
  }

  /** Returns this with another number of vCPUs. */
  public GuestLaunch withVcpus(long count) {
    return new GuestLaunch(memory, huge, count, policy, from);
  }

  /** Returns this with other wishes. */
  public GuestLaunch withPolicy(Fields wishes) {
    return new GuestLaunch(memory, huge, vcpus, wishes, from);
  }

  /** Returns this with the memory of another guest in place of memory of its own. */
  public GuestLaunch withMemoryOf(@Nullable Guest other) {
    return new GuestLaunch(memory, huge, vcpus, policy, other);
  }

  /**
   * Reads a size of RAM.
   *
   * @param size a number of bytes, or one with K, M, G or T behind it
   * @throws IllegalArgumentException if it is none, or not whole pages
   */
  public static long bytes(String size) {
    String text = size.strip().toUpperCase(Locale.ROOT);
    int unit = text.isEmpty() ? -1 : "KMGT".indexOf(text.charAt(text.length() - 1));
    String digits = unit < 0 ? text : text.substring(0, text.length() - 1);
    if (!digits.matches("[0-9]{1,9}")) {
      throw new IllegalArgumentException("it is no number with K, M, G or T behind it");
    }
    return checked(Long.parseLong(digits) << (10 * (unit + 1)));
  }

  /**
   * Returns a size of RAM that can be.
   *
   * @throws IllegalArgumentException if it is not whole pages, at least one
   */
  public static long checked(long bytes) {
    if (bytes <= 0 || bytes % PageLevel.PAGE_SIZE != 0) {
      throw new IllegalArgumentException("RAM is a number of whole 4 KiB pages, at least one");
    }
    return bytes;
  }
}
