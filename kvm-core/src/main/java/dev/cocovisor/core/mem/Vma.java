package dev.cocovisor.core.mem;

import org.jspecify.annotations.Nullable;

/**
 * One mapping of a process and the page-table entries under it.
 *
 * <p>An entry is 0 or {@code pfn << 2 | WRITABLE | PRESENT}, kept by page index from the start of
 * the mapping; huge mappings keep one entry for each 2 MiB.
 */
public final class Vma {
  /** Entry bit: translates. */
  static final long PRESENT = 1;

  /** Entry bit: stores go through without a fault. */
  static final long WRITABLE = 2;

  /** What is behind a mapping. */
  public enum Kind {
    /** Private anonymous memory in 4 KiB pages. */
    ANONYMOUS,
    /** Private anonymous memory in 2 MiB pages, allocated on first touch. */
    HUGETLB,
    /** A shared mapping of a file. */
    FILE
  }

  private final Kind kind;
  private final long start;
  private final long end;
  private final boolean readable;
  private final boolean writable;
  private final @Nullable MappableFile file;
  private final long filePage;
  final LongRadix ptes;

  Vma(
      Kind kind,
      long start,
      long end,
      boolean readable,
      boolean writable,
      @Nullable MappableFile file,
      long filePage) {
    this.kind = kind;
    this.start = start;
    this.end = end;
    this.readable = readable;
    this.writable = writable;
    this.file = file;
    this.filePage = filePage;
    this.ptes = new LongRadix();
  }

  /** Returns what is behind the mapping. */
  public Kind kind() {
    return kind;
  }

  /** Returns the first byte's address. */
  public long start() {
    return start;
  }

  /** Returns the address behind the last byte. */
  public long end() {
    return end;
  }

  boolean readable() {
    return readable;
  }

  boolean writable() {
    return writable;
  }

  /** Returns the file mapped; null for anonymous memory. */
  public @Nullable MappableFile file() {
    return file;
  }

  /** Returns the file's page index at the start of the mapping. */
  public long filePage() {
    return filePage;
  }

  /** log2 of the size of a page of this mapping. */
  int shift() {
    return kind == Kind.HUGETLB ? 21 : 12;
  }

  long index(long addr) {
    return (addr - start) >>> shift();
  }
}
