package dev.cocovisor.api.view;

import org.apiguardian.api.API;

/**
 * Is shown the tables of a trusted half.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public interface TableSink {
  /** An entry leads to no frame. */
  long NOWHERE = -1;

  /**
   * Begins a table; one without entries is a table too.
   *
   * @param name as its technology calls it
   * @return where its entries go, in ascending order
   */
  Entries table(String name);

  /**
   * Takes the entries of one table.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  @FunctionalInterface
  interface Entries {
    /**
     * Takes entries that follow each other and say the same.
     *
     * @param first the first page they cover: a gfn in a guest's table, a pfn in a table of frames
     * @param pages how many pages they cover, from 1
     * @param order log2 of the pages that one entry covers
     * @param leadsTo the frame that the first page leads to in a guest's table, with the others
     *     behind it; the gfn that the frame holds in a table of frames; {@link #NOWHERE} where
     *     there is none
     * @param kind what they mean
     * @param state the same in the technology's own words
     */
    void entries(long first, long pages, int order, long leadsTo, EntryKind kind, String state);

    /** Takes one entry; as {@link #entries}. */
    default void entry(long first, int order, long leadsTo, EntryKind kind, String state) {
      entries(first, 1L << order, order, leadsTo, kind, state);
    }
  }
}
