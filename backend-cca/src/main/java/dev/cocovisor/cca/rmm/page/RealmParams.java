package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/**
 * The parameters page of RMI_REALM_CREATE (RmiRealmParams), as the RMM read it.
 *
 * @param flags {@link #LPA2}, {@link #SVE}, {@link #PMU}
 * @param s2sz width of the IPA space in bits
 * @param sveVl SVE vector length field
 * @param numBps breakpoints minus one
 * @param numWps watchpoints minus one
 * @param pmuNumCtrs PMU counters
 * @param hashAlgo 0 SHA-256, 1 SHA-512
 * @param rpv 64 bytes of the realm's owner
 * @param vmid the VMID to use
 * @param rttBase address of the first root table
 * @param rttLevelStart level of the root tables, -1 to 3
 * @param rttNumStart number of concatenated root tables, unsigned 32 bits
 */
@SuppressWarnings("ArrayRecordComponent") // a page read once; compared and hashed nowhere
public record RealmParams(
    long flags,
    int s2sz,
    int sveVl,
    int numBps,
    int numWps,
    int pmuNumCtrs,
    int hashAlgo,
    byte[] rpv,
    int vmid,
    long rttBase,
    long rttLevelStart,
    int rttNumStart) {
  /** 52-bit addresses in the realm's second stage. */
  public static final long LPA2 = 1;

  /** The realm may use SVE. */
  public static final long SVE = 2;

  /** The realm may use the PMU. */
  public static final long PMU = 4;

  /** Bytes of the Realm Personalization Value. */
  public static final int RPV_BYTES = 64;

  public static final int FLAGS = 0;
  public static final int S2SZ = 8;
  public static final int SVE_VL = 0x10;
  public static final int NUM_BPS = 0x18;
  public static final int NUM_WPS = 0x20;
  public static final int PMU_NUM_CTRS = 0x28;
  public static final int HASH_ALGO = 0x30;
  public static final int RPV = 0x400;
  public static final int VMID = 0x800;
  public static final int RTT_BASE = 0x808;
  public static final int RTT_LEVEL_START = 0x810;
  public static final int RTT_NUM_START = 0x818;

  public static RealmParams read(PhysicalMemory memory, long page) {
    byte[] rpv = new byte[RPV_BYTES];
    memory.read(page + RPV, rpv, 0, RPV_BYTES);
    return new RealmParams(
        memory.readLong(page + FLAGS),
        memory.readByte(page + S2SZ),
        memory.readByte(page + SVE_VL),
        memory.readByte(page + NUM_BPS),
        memory.readByte(page + NUM_WPS),
        memory.readByte(page + PMU_NUM_CTRS),
        memory.readByte(page + HASH_ALGO),
        rpv,
        memory.readByte(page + VMID) | memory.readByte(page + VMID + 1) << 8,
        memory.readLong(page + RTT_BASE),
        memory.readLong(page + RTT_LEVEL_START),
        (int) memory.readLong(page + RTT_NUM_START));
  }

  /** Writes the page, as a host prepares it. */
  public void write(PhysicalMemory memory, long page) {
    memory.zero(page >>> PageLevel.PAGE_SHIFT, 1);
    memory.writeLong(page + FLAGS, flags);
    memory.writeByte(page + S2SZ, s2sz);
    memory.writeByte(page + SVE_VL, sveVl);
    memory.writeByte(page + NUM_BPS, numBps);
    memory.writeByte(page + NUM_WPS, numWps);
    memory.writeByte(page + PMU_NUM_CTRS, pmuNumCtrs);
    memory.writeByte(page + HASH_ALGO, hashAlgo);
    memory.write(page + RPV, rpv, 0, rpv.length);
    memory.writeByte(page + VMID, vmid);
    memory.writeByte(page + VMID + 1, vmid >>> 8);
    memory.writeLong(page + RTT_BASE, rttBase);
    memory.writeLong(page + RTT_LEVEL_START, rttLevelStart);
    memory.writeLong(page + RTT_NUM_START, rttNumStart & 0xffff_ffffL);
  }

  /** Tells whether a flag is set. */
  public boolean has(long flag) {
    return (flags & flag) != 0;
  }
}
