package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/**
 * The parameters page of RMI_REALM_CREATE (RmiRealmParams) of RMI 2.0, as the RMM read it. The RMM
 * chooses VMIDs itself; a realm may have auxiliary planes.
 *
 * @param flags {@link RealmParams#LPA2}, {@link RealmParams#SVE}, {@link RealmParams#PMU}, {@link
 *     #DA} and the memory encryption policy in bits 8:7
 * @param s2sz width of the IPA space in bits
 * @param sveVl SVE vector length field
 * @param numBps breakpoints minus one
 * @param numWps watchpoints minus one
 * @param pmuNumCtrs PMU counters
 * @param hashAlgo 0 SHA-256, 1 SHA-512, 2 SHA-384
 * @param numAuxPlanes auxiliary planes, 0 to 3
 * @param rpv 64 bytes of the realm's owner
 * @param atsPlane the plane of device translations
 * @param rttBase address of the primary tree's first root table
 * @param rttLevelStart level of the root tables
 * @param rttNumStart number of concatenated root tables, unsigned 32 bits
 * @param flags1 {@link #TREE_PER_PLANE}, {@link #INDIRECT_S2AP}
 * @param auxRoots addresses of the auxiliary trees' roots
 */
@SuppressWarnings("ArrayRecordComponent") // a page read once; compared and hashed nowhere
public record RealmParams2(
    long flags,
    int s2sz,
    int sveVl,
    int numBps,
    int numWps,
    int pmuNumCtrs,
    int hashAlgo,
    int numAuxPlanes,
    byte[] rpv,
    long atsPlane,
    long rttBase,
    long rttLevelStart,
    int rttNumStart,
    long flags1,
    long[] auxRoots) {
  /** Devices may be assigned. */
  public static final long DA = 1 << 3;

  /** Each plane has a translation tree of its own. */
  public static final long TREE_PER_PLANE = 1;

  /** Access permissions are indirect. */
  public static final long INDIRECT_S2AP = 2;

  /** Slots of auxiliary roots. */
  public static final int MAX_AUX_PLANES = 3;

  private static final int NUM_AUX_PLANES = 0x38;
  private static final int ATS_PLANE = 0x440;
  private static final int FLAGS1 = 0x820;
  private static final int AUX_ROOTS = 0xf80;

  /** Reads the page. */
  public static RealmParams2 read(PhysicalMemory memory, long page) {
    byte[] rpv = new byte[RealmParams.RPV_BYTES];
    memory.read(page + RealmParams.RPV, rpv, 0, rpv.length);
    long[] roots = new long[MAX_AUX_PLANES];
    for (int i = 0; i < roots.length; i++) {
      roots[i] = memory.readLong(page + AUX_ROOTS + i * 8L);
    }
    return new RealmParams2(
        memory.readLong(page + RealmParams.FLAGS),
        (int) memory.readLong(page + RealmParams.S2SZ),
        (int) memory.readLong(page + RealmParams.SVE_VL),
        (int) memory.readLong(page + RealmParams.NUM_BPS),
        (int) memory.readLong(page + RealmParams.NUM_WPS),
        (int) memory.readLong(page + RealmParams.PMU_NUM_CTRS),
        memory.readByte(page + RealmParams.HASH_ALGO),
        (int) memory.readLong(page + NUM_AUX_PLANES),
        rpv,
        memory.readLong(page + ATS_PLANE),
        memory.readLong(page + RealmParams.RTT_BASE),
        memory.readLong(page + RealmParams.RTT_LEVEL_START),
        (int) memory.readLong(page + RealmParams.RTT_NUM_START),
        memory.readLong(page + FLAGS1),
        roots);
  }

  /** Writes the page, as a host prepares it. */
  public void write(PhysicalMemory memory, long page) {
    memory.zero(page >>> PageLevel.PAGE_SHIFT, 1);
    memory.writeLong(page + RealmParams.FLAGS, flags);
    memory.writeLong(page + RealmParams.S2SZ, s2sz & 0xffff_ffffL);
    memory.writeLong(page + RealmParams.SVE_VL, sveVl & 0xffff_ffffL);
    memory.writeLong(page + RealmParams.NUM_BPS, numBps & 0xffff_ffffL);
    memory.writeLong(page + RealmParams.NUM_WPS, numWps & 0xffff_ffffL);
    memory.writeLong(page + RealmParams.PMU_NUM_CTRS, pmuNumCtrs & 0xffff_ffffL);
    memory.writeByte(page + RealmParams.HASH_ALGO, hashAlgo);
    memory.writeLong(page + NUM_AUX_PLANES, numAuxPlanes & 0xffff_ffffL);
    memory.write(page + RealmParams.RPV, rpv, 0, rpv.length);
    memory.writeLong(page + ATS_PLANE, atsPlane);
    memory.writeLong(page + RealmParams.RTT_BASE, rttBase);
    memory.writeLong(page + RealmParams.RTT_LEVEL_START, rttLevelStart);
    memory.writeLong(page + RealmParams.RTT_NUM_START, rttNumStart & 0xffff_ffffL);
    memory.writeLong(page + FLAGS1, flags1);
    for (int i = 0; i < auxRoots.length; i++) {
      memory.writeLong(page + AUX_ROOTS + i * 8L, auxRoots[i]);
    }
  }

  /** Tells whether a flag is set. */
  public boolean has(long flag) {
    return (flags & flag) != 0;
  }
}
