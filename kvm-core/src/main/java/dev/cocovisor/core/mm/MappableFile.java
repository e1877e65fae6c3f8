package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PolicyMap;

/** A file whose pages a process can map: a memfd, or a guest_memfd that allows it. */
public interface MappableFile {
  /**
   * Judges an mmap of the file.
   *
   * @param shared whether the mapping is MAP_SHARED
   * @return OK, or the errno of mmap
   */
  Errno mayMap(boolean shared);

  /** As {@link #mayMap(boolean)}, where it matters whether the mapping may be stored to. */
  default Errno mayMap(boolean shared, boolean writable) {
    return mayMap(shared);
  }

  /**
   * As {@link #mayMap(boolean, boolean)}, where it matters which pages are mapped.
   *
   * @param first the first page
   * @param executable whether the mapping is PROT_EXEC
   */
  default Errno mayMapPages(long first, long pages, boolean shared, boolean executable) {
    return Errno.OK;
  }

  /** Tells whether mprotect may allow stores to a mapping (VM_MAYWRITE). */
  default boolean mayBeWritten(boolean shared) {
    return true;
  }

  /**
   * Returns the frame of a page for a user fault, allocating it.
   *
   * @return a pfn, or -1 where the fault ends in SIGBUS
   */
  long userFault(long pageIndex);

  /** Returns from which memory nodes the file's pages are taken, by page index. */
  PolicyMap policies();

  /** A process maps the file once more: the mapping keeps it open. */
  void mapped(AddressSpace space);

  /** A mapping went away. */
  void unmapped(AddressSpace space);

  /** Punches a hole as madvise(MADV_REMOVE) does; EINVAL where the file has no way. */
  Errno punch(long offset, long length);

  /** Returns the file itself where this only stands before it. */
  default MappableFile identity() {
    return this;
  }

  /** Tells whether the file has a page already; asked of {@link #isHugetlb} files only. */
  default boolean hasPage(long pageIndex) {
    return true;
  }

  /** Tells whether pages are of 2 MiB (hugetlbfs). */
  default boolean isHugetlb() {
    return false;
  }

  /** Tells whether a mapping of it may be advised to swap and share (tmpfs, not guest_memfd). */
  default boolean isShmem() {
    return false;
  }
}
