package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import java.util.List;

/** A VM as its private files see it: told before pages go, and asked to let them go. */
public interface BindingOwner {
  /**
   * Opens an invalidation and takes the pages out of the second stage (kvm_gmem_invalidate_start).
   *
   * @param bound the slots bound to some page of the range; at least one
   * @param startPage first page of the file
   * @param endPage page behind the last
   * @param filter which mappings go
   * @return OK, or an error with nothing opened: a huge private leaf could not be split
   */
  Errno gmemInvalidateBegin(
      List<? extends Binding> bound, long startPage, long endPage, PageFilter filter);

  /**
   * Returns which mappings go with pages that go altogether.
   *
   * @param beginsShared whether the file was made with GUEST_MEMFD_FLAG_INIT_SHARED
   */
  default PageFilter filterOfPages(boolean beginsShared) {
    return beginsShared ? PageFilter.SHARED : PageFilter.PRIVATE;
  }

  /** Pages of bound slots became private in place: what KVM itself keeps of them goes. */
  default void gmemBecamePrivate(List<? extends Binding> bound, long startPage, long endPage) {}

  /** Tells whether the VM's memory can be private (kvm_arch_has_private_mem). */
  default boolean mayBePrivate() {
    return true;
  }

  /** Returns how many pages of a file may have attributes before memory for them runs out. */
  default long attributeEntries() {
    return Long.MAX_VALUE;
  }

  /** Closes the invalidation. */
  void gmemInvalidateEnd();

  /** Frames go back to the host (kvm_arch_gmem_invalidate). */
  void gmemFreed(long pfnStart, long pfnEnd);

  /** Returns who it is, whatever is wrapped around it. */
  default BindingOwner identity() {
    return this;
  }

  /** Returns where it is told why a call on a file is refused. */
  default TraceSink trace() {
    return TraceSink.OFF;
  }

  /** Returns the errno of a slot whose range of a file another slot has. */
  default Errno boundAlready() {
    return Errno.EEXIST;
  }

  /** Tells whether a range of a file is taken whose end is beyond what a loff_t holds. */
  default boolean takesRangesThatWrap() {
    return false;
  }

  /** A file of this VM was opened: it keeps the VM alive. */
  void gmemOpened();

  /** A file of this VM is gone. */
  void gmemClosed();

  /** Takes slots_lock, which guards {@link Binding#dropGmem} against slot updates. */
  void lockSlots();

  /** Gives slots_lock back. */
  void unlockSlots();
}
