package dev.cocovisor.tck;

/**
 * What a backend may or may not do. Where a flag is off, the rules assert the refusal that is
 * documented here; they never skip.
 *
 * <p>A backend declares its flags in {@code META-INF/cocovisor/ID/tck.properties}, {@code
 * behaviours=…}; without that file all flags are on.
 */
public enum Behaviour {
  /** The launch measures or copies initial contents; off: populate answers a negative errno. */
  POPULATE,
  /**
   * Populating may take place before the launch is finalized only; off: there is no end of launch
   * and populating goes on working.
   */
  FINALIZE_ENDS_POPULATE,
  /** KVM_PRE_FAULT_MEMORY maps private memory of a finalized guest; off: it answers EOPNOTSUPP. */
  PRE_FAULT,
  /** Pre-faulting works before the launch is finalized too; off: EOPNOTSUPP until then. */
  PRE_FAULT_BEFORE_FINALIZE,
  /** A guest may run before its launch is finalized; off: the run answers an error. */
  RUN_BEFORE_FINALIZE,
  /** The host can convert ranges; off: the conversion answers a negative errno. */
  CONVERT,
  /** Private pages can be punched out; off: a negative errno. */
  PUNCH,
  /**
   * A private page keeps its contents when it is made shared and private again; off: it does not.
   */
  KEEPS_CONTENTS_ON_CONVERSION,
  /** Private leaves of 2 MiB; off: every private leaf is 4 KiB. */
  HUGE_PRIVATE,
  /** Hardware keeps the host out of private frames; off: the host's accesses go through. */
  GUARDS_PRIVATE_FRAMES,
  /** The page encryption bitmap; off: its ioctls answer ENOTTY and the hypercall ENOSYS. */
  ENCRYPTION_BITMAP,
  /** KVM_MEMORY_ENCRYPT_REG_REGION; off: ENOTTY. */
  REGISTER_REGION,
  /** Private memory comes from a guest_memfd; off: from the VMM's own mapping. */
  GUEST_MEMFD
}
