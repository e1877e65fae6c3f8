package dev.cocovisor.tck.subject;

import dev.cocovisor.api.Errno;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a backend may or may not do. Where a flag is off, the rules assert the refusal that is
 * documented here; they do not skip.
 *
 * <p>A backend declares its flags in {@code META-INF/cocovisor/ID/tck.properties}, {@code
 * behaviours=…}; without that file it is held to {@link #usual}.
 */
public enum Behaviour {
  /** The launch measures or copies initial contents; off: populate answers EOPNOTSUPP. */
  POPULATE(Errno.EOPNOTSUPP),
  /**
   * Contents may be populated without being measured; off: everything populated is measured, and
   * asking otherwise answers EOPNOTSUPP. Means nothing without {@link #POPULATE}.
   */
  POPULATE_UNMEASURED(Errno.EOPNOTSUPP),
  /**
   * Populating may take place before the launch is finalized only; off: there is no end of launch
   * and populating goes on working.
   */
  FINALIZE_ENDS_POPULATE,
  /**
   * No call ends the launch: the first run of a vCPU does (CCA's realm is activated by it), so
   * finalizing again is nothing; off: the end of the launch is a call of its own and refused the
   * second time.
   */
  FIRST_RUN_ENDS_LAUNCH,
  /** KVM_PRE_FAULT_MEMORY maps private memory of a finalized guest; off: it answers EOPNOTSUPP. */
  PRE_FAULT(Errno.EOPNOTSUPP),
  /** Pre-faulting works before the launch is finalized too; off: EOPNOTSUPP until then. */
  PRE_FAULT_BEFORE_FINALIZE(Errno.EOPNOTSUPP),
  /**
   * What is pre-faulted is mapped in pages of 4 KiB, whatever size the guest accepts later; off: as
   * a fault would map it.
   */
  PRE_FAULT_MAPS_SMALL,
  /** A guest may run before its launch is finalized; off: the run answers an error. */
  RUN_BEFORE_FINALIZE,
  /** The host can convert ranges; off: the conversion answers a negative errno. */
  CONVERT,
  /**
   * A vCPU that asked for a conversion does not run before the host has carried it out (CoVE, KVM
   * for CCA since v15): each run ends as the asking did; off: where the host refuses, it goes on
   * with what it has.
   */
  ASKER_WAITS,
  /** Private pages can be punched out; off: EOPNOTSUPP. */
  PUNCH(Errno.EOPNOTSUPP),
  /**
   * Behind a hole the guest finds nothing before it asks for its memory by a conversion to private
   * (CCA's DESTROYED content); off: it accepts the new page, or uses it where nothing is accepted.
   */
  LOST_MEMORY_IS_ASKED_FOR,
  /**
   * Conversion is in place: a page keeps frame, mapping and contents when it is made shared and
   * private again (pKVM); off: it loses all three.
   */
  KEEPS_CONTENTS_ON_CONVERSION,
  /** Private leaves of 2 MiB; off: every private leaf is 4 KiB. */
  HUGE_PRIVATE,
  /**
   * Nothing stops a device's access to a private frame, as long as no IOMMU does (pKVM: no
   * protection from DMA yet), and it is documented that nothing does; off: devices are kept out
   * where {@link Claim#DEVICES_KEPT_OUT} is claimed.
   */
  DEVICES_REACH_PRIVATE_FRAMES,
  /**
   * Guests are kept apart by the tables of the trusted half alone (CCA's RTT, pKVM's stage 2): what
   * guards frames does not tell one guest from another; off: it keeps other guests out by itself.
   */
  TABLES_KEEP_GUESTS_APART,
  /** The page encryption bitmap; off: its ioctls answer ENOTTY and the hypercall ENOSYS. */
  ENCRYPTION_BITMAP(Errno.ENOTTY),
  /**
   * KVM_PAGE_ENC_BITMAP_RESET makes all pages encrypted; off: ENOTTY, and KVM_SET_PAGE_ENC_BITMAP
   * installs what it is given. Means nothing without {@link #ENCRYPTION_BITMAP}.
   */
  ENCRYPTION_BITMAP_RESET(Errno.ENOTTY),
  /** KVM_MEMORY_ENCRYPT_REG_REGION; off: ENOTTY. */
  REGISTER_REGION(Errno.ENOTTY),
  /** Private memory comes from a guest_memfd; off: from the VMM's own mapping. */
  GUEST_MEMFD;

  private final @Nullable Errno refusal;

  Behaviour() {
    refusal = null;
  }

  Behaviour(Errno refusal) {
    this.refusal = refusal;
  }

  /** Returns the errno that says the behaviour is not offered; null where any refusal does. */
  public @Nullable Errno refusal() {
    return refusal;
  }

  /**
   * Returns what a backend that declares nothing is held to: a launch with an end, pre-faulting
   * after it, conversion, holes, huge pages and the bitmap, on guest_memfd.
   */
  public static Set<Behaviour> usual() {
    return EnumSet.of(
        POPULATE,
        POPULATE_UNMEASURED,
        FINALIZE_ENDS_POPULATE,
        PRE_FAULT,
        CONVERT,
        PUNCH,
        HUGE_PRIVATE,
        ENCRYPTION_BITMAP,
        ENCRYPTION_BITMAP_RESET,
        GUEST_MEMFD);
  }
}
