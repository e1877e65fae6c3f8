package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmContext;
import java.util.List;

/**
 * User memory that SEV's commands take: pages pinned for the firmware, and blobs copied for it.
 *
 * <p>Source: {@code arch/x86/kvm/svm/sev.c}, sev_pin_memory; {@code drivers/crypto/ccp/sev-dev.c},
 * psp_copy_user_blob.
 */
final class UserPages {
  /** SEV_FW_BLOB_MAX_SIZE, bytes. */
  static final long MAX_BLOB = 16 * 1024;

  private static final int PAGE = 4096;

  private final VmContext vm;

  UserPages(VmContext vm) {
    this.vm = vm;
  }

  /** A copied blob, or why there is none. */
  record Blob(Errno errno, byte[] bytes) {
    private static final byte[] NOTHING = {};

    static Blob refused(Errno errno) {
      return new Blob(errno, NOTHING);
    }
  }

  /** Copies a blob: no address, no length or too long EINVAL, not readable EFAULT. */
  Blob blob(long uaddr, long length) {
    if (uaddr == 0 || length <= 0 || length > MAX_BLOB) {
      return Blob.refused(Errno.EINVAL);
    }
    byte[] bytes = new byte[(int) length];
    return vm.copyFromUser(uaddr, bytes, 0, bytes.length).ok()
        ? new Blob(Errno.OK, bytes)
        : Blob.refused(Errno.EFAULT);
  }

  /**
   * Pins every page of a range, or none: no length or overflow EINVAL, anything else ENOMEM.
   *
   * @param pins receives the frames in order
   */
  Errno pin(long uaddr, long length, List<Long> pins) {
    if (length == 0 || Long.compareUnsigned(uaddr + length, uaddr) < 0) {
      return Errno.EINVAL;
    }
    long last = uaddr + length - 1 & -PAGE;
    for (long at = uaddr & -PAGE; ; at += PAGE) {
      long pfn = vm.pinUserPage(at);
      if (pfn < 0) {
        unpin(pins);
        pins.clear();
        return Errno.ENOMEM;
      }
      pins.add(pfn);
      if (at == last) {
        return Errno.OK;
      }
    }
  }

  void unpin(List<Long> pins) {
    pins.forEach(vm::unpinUserPage);
  }
}
