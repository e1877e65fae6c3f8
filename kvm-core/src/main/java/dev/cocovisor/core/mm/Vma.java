package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;
import org.jspecify.annotations.Nullable;

/**
 * One mapping of a process (vm_area_struct): a range of user addresses, what may be done there and
 * what is behind it. Immutable but for its {@link #anonVma}; the translations are {@link
 * UserTables}'.
 *
 * <p>Source of the flags: {@code include/linux/mm.h}, VM_*.
 */
public final class Vma {
  /** Loads are allowed. */
  static final int READ = 1;

  /** Stores are allowed. */
  static final int WRITE = 1 << 1;

  /** Fetches are allowed. */
  static final int EXEC = 1 << 2;

  /** Stores are seen by all who map the same file. */
  static final int SHARED = 1 << 3;

  /** mprotect may allow stores. */
  static final int MAYWRITE = 1 << 4;

  /** Pages of 2 MiB from the pool that is set aside. */
  static final int HUGETLB = 1 << 5;

  /** MADV_HUGEPAGE. */
  static final int HUGEPAGE = 1 << 6;

  /** MADV_NOHUGEPAGE. */
  static final int NOHUGEPAGE = 1 << 7;

  /** mlock. */
  static final int LOCKED = 1 << 8;

  /** MAP_NORESERVE. */
  static final int NORESERVE = 1 << 9;

  /** MADV_DONTFORK. */
  static final int DONTCOPY = 1 << 10;

  /** MADV_WIPEONFORK. */
  static final int WIPEONFORK = 1 << 11;

  /** MADV_MERGEABLE. */
  static final int MERGEABLE = 1 << 12;

  /** MADV_RANDOM. */
  static final int RAND_READ = 1 << 13;

  /** MADV_SEQUENTIAL. */
  static final int SEQ_READ = 1 << 14;

  /** MADV_DONTDUMP. */
  static final int DONTDUMP = 1 << 15;

  /** A fault on a missing page is user space's to serve (userfaultfd). */
  static final int UFFD_MISSING = 1 << 16;

  /** A store to a write-protected page is user space's to serve (userfaultfd). */
  static final int UFFD_WP = 1 << 17;

  /** A fault on a page that the file has is user space's to serve (userfaultfd). */
  static final int UFFD_MINOR = 1 << 18;

  /** Any of the three: neither a child nor moved memory keeps them. */
  static final int UFFD = UFFD_MISSING | UFFD_WP | UFFD_MINOR;

  /** No pages of memory behind it (VM_PFNMAP). */
  static final int PFNMAP = 1 << 19;

  private final long start;
  private final long end;
  private final int flags;
  private final @Nullable MappableFile file;
  private final long firstPage;

  /** Who its anonymous pages belong to (struct anon_vma), 0 before the first; kept by splits. */
  volatile long anonVma;

  /**
   * Describes a mapping.
   *
   * @param firstPage the file's page at the start; for anonymous memory the address it was mapped
   *     at first, in pages (vm_pgoff)
   */
  Vma(long start, long end, int flags, @Nullable MappableFile file, long firstPage, long anonVma) {
    this.start = start;
    this.end = end;
    this.flags = flags;
    this.file = file;
    this.firstPage = firstPage;
    this.anonVma = anonVma;
  }

  /** Returns the first byte's address. */
  public long start() {
    return start;
  }

  /** Returns the address behind the last byte. */
  public long end() {
    return end;
  }

  int flags() {
    return flags;
  }

  boolean has(int all) {
    return (flags & all) == all;
  }

  /** Returns the file mapped; null for anonymous memory. */
  public @Nullable MappableFile file() {
    return file;
  }

  /** Returns the file's page index at the start of the mapping. */
  public long firstPage() {
    return firstPage;
  }

  /** Returns the file's page index at an address. */
  long pageAt(long addr) {
    return firstPage + ((addr - start) >>> PageLevel.PAGE_SHIFT);
  }

  /** Tells whether memory comes from the pool of 2 MiB pages. */
  public boolean isHugetlb() {
    return has(HUGETLB);
  }

  /** Tells whether it is private memory without a file (vma_is_anonymous). */
  public boolean isAnonymous() {
    return file == null && !isHugetlb();
  }

  /** Tells whether stores copy the page first (is_cow_mapping). */
  boolean copiesOnWrite() {
    return (flags & (SHARED | MAYWRITE)) == MAYWRITE;
  }

  /**
   * Tells whether a page of it, once written, is one that could go to swap: anonymous memory, a
   * private copy of a file's page, or a page of tmpfs; not of hugetlbfs, a guest_memfd or another
   * file (folio_test_swapbacked).
   */
  public boolean isSwapBacked() {
    MappableFile f = file;
    return !isHugetlb() && (f == null || copiesOnWrite() || (f.isShmem() && !f.isHugetlb()));
  }

  boolean contains(long from, long to) {
    return from >= start && to <= end;
  }

  /** Returns the part [from, to) with flags of its own. */
  Vma part(long from, long to, int newFlags) {
    return new Vma(from, to, newFlags, file, pageAt(from), anonVma);
  }

  /**
   * Tells whether a mapping that begins where this one ends can be one with it
   * (can_vma_merge_after): same flags, same file, pages in sequence, and anonymous pages that
   * belong together or only to one of the two.
   */
  boolean joins(Vma next) {
    return end == next.start
        && flags == next.flags
        && file == next.file
        && firstPage + ((end - start) >>> PageLevel.PAGE_SHIFT) == next.firstPage
        && (anonVma == next.anonVma || anonVma == 0 || next.anonVma == 0);
  }

  /** As {@link #joins} for the choice of an anon_vma, for which protections may differ. */
  boolean sharesAnonVma(Vma next) {
    int access = READ | WRITE | EXEC;
    return end == next.start
        && ((flags ^ next.flags) & ~access) == 0
        && file == next.file
        && firstPage + ((end - start) >>> PageLevel.PAGE_SHIFT) == next.firstPage;
  }
}
