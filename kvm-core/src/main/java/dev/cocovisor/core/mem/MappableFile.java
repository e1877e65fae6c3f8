package dev.cocovisor.core.mem;

import dev.cocovisor.api.Errno;

/** A file whose pages a process can map: a memfd, or a guest_memfd that allows it. */
public interface MappableFile {
  /**
   * Judges an mmap of the file.
   *
   * @param shared whether the mapping is MAP_SHARED
   * @return OK, or the errno of mmap
   */
  Errno mayMap(boolean shared);

  /**
   * Returns the frame of a page for a user fault, allocating it.
   *
   * @return a pfn, or -1 where the fault ends in SIGBUS
   */
  long userFault(long pageIndex);

  /** Returns from which memory nodes the file's pages are taken, by page index. */
  PolicyMap policies();

  /** A mapping of the file appeared: it keeps the file open. */
  void mapped(AddressSpace space, Vma vma);

  /** A mapping went away. */
  void unmapped(AddressSpace space, Vma vma);
}
