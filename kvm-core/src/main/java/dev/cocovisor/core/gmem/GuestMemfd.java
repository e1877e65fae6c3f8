package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.MappableFile;

/**
 * What a descriptor of KVM_CREATE_GUEST_MEMFD stands for.
 *
 * <p>The one built in is {@link GmemFile}; {@link ForwardingGuestMemfd} is the base of those that
 * wrap it. It starts with one reference, the descriptor's; user mappings add their own.
 */
public interface GuestMemfd extends BackingStore, MappableFile {
  /**
   * What KVM_CREATE_GUEST_MEMFD asks for, checked already.
   *
   * @param memory where its frames come from
   * @param owner the VM it is for, told by {@link BindingOwner#gmemOpened}
   * @param inodeNumber unique on the host
   * @param size bytes, whole pages
   * @param flags GUEST_MEMFD_FLAG_*
   * @param preferredOrder order of the folios: 0, 9 or 18
   */
  record Request(
      PhysicalHost memory,
      BindingOwner owner,
      long inodeNumber,
      long size,
      long flags,
      int preferredOrder) {
    /** Returns a request for another VM. */
    public Request withOwner(BindingOwner other) {
      return new Request(memory, other, inodeNumber, size, flags, preferredOrder);
    }
  }

  /** Makes the file behind a new descriptor. */
  @FunctionalInterface
  interface Factory {
    /** Creates a file with a fresh inode, with one reference. */
    GuestMemfd create(Request request);
  }

  /** Adds a reference: a descriptor was copied. */
  void acquire();

  /** Returns the inode's number. */
  long inodeNumber();

  /** fallocate, after the VFS's own checks. */
  Errno fallocate(int mode, long offset, long length);

  /**
   * KVM_SET_MEMORY_ATTRIBUTES2: converts pages in place.
   *
   * @param offset bytes
   * @param size bytes
   * @param flags the flags, and every reserved field besides
   */
  Conversion setAttributes(long offset, long size, long attributes, long flags);

  /** Counts the pages the inode holds. */
  long pages();

  /**
   * Opens the same memory for another VM, with one reference (intra-host migration; KVM_LINK_GUEST
   * _MEMFD of the series).
   */
  GuestMemfd link(BindingOwner other);
}
