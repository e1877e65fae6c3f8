package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;

/**
 * Where a slot's private pages live: one VM's view of a file whose pages the host does not own.
 *
 * <p>Two kinds exist: guest_memfd ({@link GmemFile}) and the memory backing store of the 2022
 * fd-based series ({@link MemfileStore}). Indices count 4 KiB pages from the start of the file.
 */
public interface BackingStore {
  /**
   * Takes a reference that keeps the file's pages, unless the file is being closed
   * (get_file_active); {@link #release} gives it up.
   */
  boolean tryAcquire();

  /** Gives a reference up; the last one releases the file. */
  void release();

  /**
   * Returns the page at an index as a {@link Folio} number, allocating it.
   *
   * @param cpu the CPU that asks, for its page cache
   * @return a Folio number, or a negative errno
   */
  long page(long index, int cpu);

  /** Returns the page at an index if there is one, else 0. */
  long peek(long index);

  /** Tells whether the file says that a page is private. */
  boolean isPrivate(long index);

  /** Tells whether every page of a half-open range is private, or shared. */
  boolean allAre(long start, long end, boolean isPrivate);

  /** Returns the first index from {@code from} on, and below {@code end}, with a page; else -1. */
  default long next(long from, long end) {
    for (long i = from; i < end; i++) {
      if (peek(i) != 0) {
        return i;
      }
    }
    return -1;
  }

  /** Notes that the vendor half made the folio around {@code index} private, or undid it. */
  void markPrepared(long index, boolean prepared);

  /** Returns the invalidate lock of the file's inode. */
  ModelLock invalidateLock();

  /** Returns the size in bytes. */
  long size();

  /** Tells whether shared memory comes from the file as well (GUEST_MEMFD_FLAG_MMAP). */
  boolean servesShared();

  /**
   * Judges a binding before the slot is prepared (first step of kvm_gmem_prepare_memory_region in
   * 7.3).
   *
   * @param offset bytes
   * @param size bytes
   * @return OK or EINVAL
   */
  Errno checkBind(BindingOwner owner, long offset, long size);

  /** Binds a slot; EEXIST where another slot has part of the range. */
  Errno bind(Binding slot);

  /** Tells the store that a bound slot was replaced by an equal copy. */
  void rebind(Binding old, Binding now);

  /** Ends a binding. */
  void unbind(Binding slot);

  /** Returns what is bound, by the file's pages; for checkers, between calls. */
  default List<Binding> bindings() {
    return List.of();
  }

  /** Tells whether {@code slot} is the one bound at {@code index}. */
  boolean isBound(Binding slot, long index);
}
