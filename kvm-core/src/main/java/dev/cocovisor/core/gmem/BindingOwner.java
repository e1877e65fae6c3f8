package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import java.util.List;

/** A VM as its private files see it: told before pages go, and asked to let them go. */
public interface BindingOwner {
  /**
   * Opens an invalidation and takes the pages out of the second stage (kvm_gmem_invalidate_begin).
   *
   * @param bound the slots bound to some page of the range; at least one
   * @param startPage first page of the file
   * @param endPage page behind the last
   * @param shared whether the file's memory is shared rather than private
   * @return OK, or an error with nothing opened: a huge private leaf could not be split
   */
  Errno gmemInvalidateBegin(
      List<? extends Binding> bound, long startPage, long endPage, boolean shared);

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

  /** A file of this VM was opened: it keeps the VM alive. */
  void gmemOpened();

  /** A file of this VM is gone. */
  void gmemClosed();

  /** Takes slots_lock, which guards {@link Binding#dropGmem} against slot updates. */
  void lockSlots();

  /** Gives slots_lock back. */
  void unlockSlots();
}
