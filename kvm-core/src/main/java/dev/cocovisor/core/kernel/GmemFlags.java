package dev.cocovisor.core.kernel;

import dev.cocovisor.core.gmem.GmemInode;

/** Which flags KVM_CREATE_GUEST_MEMFD takes, which is what KVM_CAP_GUEST_MEMFD_FLAGS answers. */
@FunctionalInterface
public interface GmemFlags {
  /** No flag. */
  GmemFlags NONE = _ -> 0;

  /** Shared from the start only where memory can never be private. */
  GmemFlags BY_PRIVACY =
      mayBePrivate ->
          mayBePrivate ? GmemInode.FLAG_MMAP : GmemInode.FLAG_MMAP | GmemInode.FLAG_INIT_SHARED;

  /** Both flags for everybody. */
  GmemFlags ALL = _ -> GmemInode.FLAG_MMAP | GmemInode.FLAG_INIT_SHARED;

  /**
   * Returns the flags.
   *
   * @param mayBePrivate whether the VM's memory can be private; false on /dev/kvm
   */
  long of(boolean mayBePrivate);
}
