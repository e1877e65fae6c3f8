package dev.cocovisor.api.mem;

import dev.cocovisor.api.Errno;
import org.apiguardian.api.API;

/**
 * Host-physical memory as the host kernel has it: an allocator of frames, content, and the guards
 * that every platform added.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface HostMemory {
  /** Returned by {@link #allocate} when there is no free block. */
  long NO_FRAME = -1;

  /** Returns the content without checks, for trusted halves. */
  PhysicalMemory raw();

  /**
   * Takes a naturally aligned block of {@code 1 << order} frames from the buddy allocator. Its
   * content is whatever was there; the kernel zeroes what it hands out.
   *
   * @param order 0 to 18
   * @return the first frame, or {@link #NO_FRAME}
   */
  long allocate(int order);

  /** Gives a block back. */
  void free(long pfn, int order);

  /**
   * Returns how many frames there are, so that a trusted half need not make tables for more.
   *
   * @return from 1; {@link Long#MAX_VALUE} where the host cannot tell
   * @since 0.3
   */
  default long frames() {
    return Long.MAX_VALUE;
  }

  /**
   * Takes a reference to a frame (folio_get): freed by its owner, it is nobody else's before the
   * last reference went.
   */
  default void get(long pfn) {}

  /** Gives a reference back (folio_put). */
  default void put(long pfn) {}

  /** Returns the number of frames in use. */
  long allocatedFrames();

  /**
   * Tells whether nobody holds a frame, for checkers: what a trusted half keeps from the host must
   * not be free there. False where the host cannot tell.
   */
  default boolean isFree(long pfn) {
    return false;
  }

  /** Adds a guard, asked before every checked access. */
  void addGuard(PhysicalGuard guard);

  /** Takes a guard away again. */
  void removeGuard(PhysicalGuard guard);

  /** Asks all guards; the severest verdict wins (FAULT, POISON, CIPHER, ALLOW). */
  PhysicalGuard.Verdict check(Accessor who, long pfn, boolean write);

  /** Returns the kernel's direct map. */
  DirectMap directMap();

  /**
   * Reads through the guards.
   *
   * @return {@link Errno#OK}, or {@link Errno#EFAULT} where a guard faults; bytes before it are
   *     read
   */
  Errno read(Accessor who, long hpa, byte[] into, int offset, int length);

  /** Writes through the guards; as {@link #read}. */
  Errno write(Accessor who, long hpa, byte[] from, int offset, int length);
}
