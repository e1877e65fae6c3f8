package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.HostMachine;

/**
 * How KVM was told to behave on this host.
 *
 * @param refuseMapMemory KVM_MAP_MEMORY answers EOPNOTSUPP for SEV guests
 * @param migration how shared pages are tracked for migration
 * @param hugePages private pages of SNP guests may be 2 MiB
 * @param asids number of ASIDs, 0 included
 * @param smt simultaneous multithreading is on
 * @param secureTsc SNP guests may ask for a secure TSC
 * @param overlapRetries how many overlapping RMPUPDATEs count as a livelock
 */
record SevSettings(
    boolean refuseMapMemory,
    Migration migration,
    boolean hugePages,
    int asids,
    boolean smt,
    boolean secureTsc,
    long overlapRetries) {

  /** The designs that were discussed, and the one that was merged. */
  enum Migration {
    /** KVM_HC_MAP_GPA_RANGE ends in user space, which keeps the list (5.14). */
    MERGED,
    /** KVM keeps a bitmap, always offered, grown by hypercalls and slots (2020). */
    BITMAP,
    /** KVM keeps a bitmap where user space enabled it, of the size it named (review of v6). */
    CAP
  }

  static SevSettings of(HostMachine m) {
    return new SevSettings(
        m.setting(SevBackend.MAP_MEMORY).equals("refuse"),
        switch (m.setting(SevBackend.MIGRATION)) {
          case "bitmap" -> Migration.BITMAP;
          case "cap" -> Migration.CAP;
          default -> Migration.MERGED;
        },
        m.setting(SevBackend.HUGE_PAGES).equals("2M"),
        (int) m.number(SevBackend.ASIDS),
        m.flag(SevBackend.SMT),
        m.flag(SevBackend.SECURE_TSC),
        m.number(SevBackend.OVERLAP_RETRIES));
  }
}
