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
 * @param smtRequired a policy without the SMT bit is refused
 * @param overlapRetries how many overlapping RMPUPDATEs count as a livelock
 */
record SevSettings(
    boolean refuseMapMemory,
    Migration migration,
    boolean hugePages,
    int asids,
    boolean smt,
    boolean smtRequired,
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
    String migration = m.setting(SevBackend.MIGRATION, "merged");
    return new SevSettings(
        one(m, SevBackend.MAP_MEMORY, "refuse", "allow"),
        switch (migration) {
          case "merged" -> Migration.MERGED;
          case "bitmap" -> Migration.BITMAP;
          case "cap" -> Migration.CAP;
          default -> throw wrong(SevBackend.MIGRATION, migration, "merged, bitmap or cap");
        },
        one(m, SevBackend.HUGE_PAGES, "2M", "4K"),
        (int) number(m, SevBackend.ASIDS, 1007),
        one(m, SevBackend.SMT, "on", "off"),
        one(m, SevBackend.SMT_REQUIRED, "on", "off"),
        number(m, SevBackend.OVERLAP_RETRIES, 1000));
  }

  private static boolean one(HostMachine m, String key, String yes, String no) {
    String v = m.setting(key, yes);
    if (!v.equals(yes) && !v.equals(no)) {
      throw wrong(key, v, yes + " or " + no);
    }
    return v.equals(yes);
  }

  private static long number(HostMachine m, String key, long otherwise) {
    String v = m.setting(key, Long.toString(otherwise));
    try {
      return Long.parseLong(v);
    } catch (NumberFormatException e) {
      throw wrong(key, v, "a number");
    }
  }

  private static IllegalArgumentException wrong(String key, String got, String wanted) {
    return new IllegalArgumentException("setting " + key + " is '" + got + "', not " + wanted);
  }
}
