package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VmContext;
import java.util.List;

/**
 * User memory that SEV's commands take: pages pinned for the firmware, and blobs copied for it.
 *
 * <p>Source: {@code arch/x86/kvm/svm/sev.c}, sev_pin_memory, sev_check_pin_count,
 * sev_pin_user_pages (7.3); {@code drivers/crypto/ccp/sev-dev.c}, psp_copy_user_blob.
 */
final class UserPages {
  /** SEV_FW_BLOB_MAX_SIZE, bytes. */
  static final long MAX_BLOB = 16 * 1024;

  private static final int PAGE = 4096;

  private final SevVm sev;
  private final VmContext vm;

  UserPages(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
  }

  /** A copied blob, or why there is none. */
  record Blob(Errno errno, byte[] bytes) {
    private static final byte[] NOTHING = {};

    static Blob refused(Errno errno) {
      return new Blob(errno, NOTHING);
    }
  }

  /** Copies the blob that the fields {@code what_uaddr} and {@code what_len} name. */
  Blob blob(Fields in, String what) {
    return blob(what, in.number(what + "_uaddr", 0), in.number(what + "_len", 0));
  }

  /** Copies a blob: no address, no length or too long EINVAL, not readable EFAULT. */
  Blob blob(String what, long uaddr, long length) {
    if (uaddr == 0 || length <= 0 || length > MAX_BLOB) {
      return Blob.refused(
          sev.refuse(Errno.EINVAL, () -> what + " has no address, no length or more than 16 KiB"));
    }
    byte[] bytes = new byte[(int) length];
    return vm.copyFromUser(uaddr, bytes, 0, bytes.length).ok()
        ? new Blob(Errno.OK, bytes)
        : Blob.refused(sev.refuse(Errno.EFAULT, () -> what + " is not readable"));
  }

  /**
   * Pins every page of a range for writing, or none: no length or overflow EINVAL, more than the
   * machine's memory with what this VM has pinned EINVAL, more than RLIMIT_MEMLOCK allows this VM
   * ENOMEM, anything else ENOMEM.
   *
   * @param pins receives the frames in order
   */
  Errno pin(long uaddr, long length, List<Long> pins) {
    return pin(uaddr, length, true, pins);
  }

  /** As {@link #pin(long, long, List)}; what is not written may be read-only (FOLL_WRITE). */
  Errno pin(long uaddr, long length, boolean write, List<Long> pins) {
    if (length == 0 || Long.compareUnsigned(uaddr + length, uaddr) < 0) {
      return sev.refuse(Errno.EINVAL, "the range is empty or wraps around");
    }
    long last = uaddr + length - 1 & -PAGE;
    if (Long.compareUnsigned(last - (uaddr & -PAGE), (long) Integer.MAX_VALUE * PAGE) >= 0) {
      return sev.refuse(Errno.EINVAL, "more pages than an int counts");
    }
    long limit = vm.lockedPagesLimit();
    long pages = (last - (uaddr & -PAGE)) / PAGE + 1;
    long machine = sev.platform().machine().memory().frames();
    if (machine > 0 && sev.info().pagesLocked + pages > machine) {
      return sev.refuse(Errno.EINVAL, () -> "more pages than the machine's memory has, " + machine);
    }
    if (limit >= 0 && sev.info().pagesLocked + pages > limit) {
      return sev.refuse(
          Errno.ENOMEM,
          () ->
              sev.info().pagesLocked
                  + " pages are locked; "
                  + pages
                  + " more exceed RLIMIT_MEMLOCK, "
                  + limit);
    }
    for (long at = uaddr & -PAGE; ; at += PAGE) {
      long pfn = write ? vm.pinUserPage(at) : vm.pinUserPageToRead(at);
      if (pfn < 0) {
        unpin(pins);
        pins.clear();
        long missing = at;
        return sev.refuse(
            Errno.ENOMEM,
            () -> "page 0x" + Long.toHexString(missing) + " is not mapped and cannot be pinned");
      }
      pins.add(pfn);
      sev.info().pagesLocked++;
      if (at == last) {
        return Errno.OK;
      }
    }
  }

  void unpin(List<Long> pins) {
    pins.forEach(vm::unpinUserPage);
    sev.info().pagesLocked -= pins.size();
  }
}
