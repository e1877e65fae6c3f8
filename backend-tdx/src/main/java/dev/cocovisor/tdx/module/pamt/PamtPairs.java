package dev.cocovisor.tdx.module.pamt;

import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Dynamic PAMT: which 2 MiB of memory have entries of 4 KiB, and the two pages that hold them.
 *
 * <p>A module that was told to keep no 4 KiB entries by itself takes none of the pages there before
 * the host gave it such a pair (TDH.PHYMEM.PAMT.ADD), or gave it one with a demotion. Newer than
 * module 1.5.01. Source: "TDX: Enable Dynamic PAMT", version 6 of 2026-05-25; the module's {@code
 * tdh_phymem_pamt_add.c}. Addresses are in bytes. Thread-safe.
 */
public final class PamtPairs {
  private static final int MEGA = 21;

  private final ConcurrentHashMap<Long, long[]> pairs = new ConcurrentHashMap<>();

  /** Creates an empty record. */
  public PamtPairs() {}

  /** Tells whether the 2 MiB around an address have entries of 4 KiB. */
  public boolean covers(long hpa) {
    return pairs.containsKey(hpa >>> MEGA);
  }

  /** Takes a pair in; false if there is one. */
  public boolean add(long hpa, long first, long second) {
    return pairs.putIfAbsent(hpa >>> MEGA, new long[] {first, second}) == null;
  }

  /** Gives a pair back; null if there is none. */
  public long @Nullable [] remove(long hpa) {
    return pairs.remove(hpa >>> MEGA);
  }
}
