package dev.cocovisor.api.mem;

import org.apiguardian.api.API;

/**
 * The kernel's linear mapping of all memory: a level and a permission for every 2 MiB.
 *
 * <p>SNP splits a 2 MiB mapping that holds a private 4 KiB page, because a host write through it
 * would fault; secret memory removes pages altogether. Both can be seen here.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface DirectMap {
  /** Splits the 2 MiB mappings that cover the frames to 4 KiB (set_memory_4k). */
  void split(long pfn, long count);

  /** Takes frames out of the direct map, or puts them back (set_direct_map_invalid_noflush). */
  void setPresent(long pfn, long count, boolean present);

  /** Tells whether the 2 MiB region of a frame is mapped with 4 KiB pages. */
  boolean isSplit(long pfn);

  /** Tells whether the kernel can reach a frame. */
  boolean isPresent(long pfn);

  /** Returns how many 2 MiB regions are split. */
  long splitRegions();
}
