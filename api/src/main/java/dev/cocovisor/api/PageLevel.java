package dev.cocovisor.api;

import org.apiguardian.api.API;

/**
 * The size of a mapping, in the kernel's numbering (PG_LEVEL_4K is 1).
 *
 * <p>Source: {@code arch/x86/include/asm/pgtable_types.h}, enum pg_level. Arm's stage 2 levels 3,
 * 2, 1 have the same sizes with a 4 KiB granule.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum PageLevel {
  /** 4 KiB. */
  PG_4K(1, 0),
  /** 2 MiB, 512 pages. */
  PG_2M(2, 9),
  /** 1 GiB, 262144 pages. */
  PG_1G(3, 18),
  /** 512 GiB: only ever a table level here. */
  PG_512G(4, 27),
  /** 256 TiB: only ever a table level here. */
  PG_256T(5, 36);

  /** log2 of the base page size in bytes. */
  public static final int PAGE_SHIFT = 12;

  /** The base page size in bytes. */
  public static final long PAGE_SIZE = 1L << PAGE_SHIFT;

  private static final PageLevel[] ALL = values();

  private final int number;
  private final int order;

  PageLevel(int number, int order) {
    this.number = number;
    this.order = order;
  }

  /** Returns the kernel's level number, 1 for 4 KiB. */
  public int number() {
    return number;
  }

  /** Returns log2 of the number of 4 KiB pages. */
  public int order() {
    return order;
  }

  /** Returns the number of 4 KiB pages (KVM_PAGES_PER_HPAGE). */
  public long pages() {
    return 1L << order;
  }

  /** Returns the size in bytes (KVM_HPAGE_SIZE). */
  public long bytes() {
    return PAGE_SIZE << order;
  }

  /** Rounds a gfn or pfn down to this level. */
  public long alignDown(long frame) {
    return frame & -pages();
  }

  /** Tells whether a gfn or pfn is aligned to this level. */
  public boolean aligned(long frame) {
    return (frame & (pages() - 1)) == 0;
  }

  /** Returns the next smaller level. */
  public PageLevel lower() {
    return ALL[number - 2];
  }

  /** Returns the next larger level. */
  public PageLevel upper() {
    return ALL[number];
  }

  /** Returns the smaller of two levels. */
  public static PageLevel min(PageLevel a, PageLevel b) {
    return a.number <= b.number ? a : b;
  }

  /**
   * Finds a level by the kernel's number.
   *
   * @param number 1 to 5
   */
  public static PageLevel of(int number) {
    return ALL[number - 1];
  }

  /** Returns the largest leaf level whose order does not exceed {@code order}. */
  public static PageLevel ofOrder(int order) {
    return order >= PG_1G.order ? PG_1G : order >= PG_2M.order ? PG_2M : PG_4K;
  }
}
