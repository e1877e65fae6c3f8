package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import org.apiguardian.api.API;

/**
 * The page encryption bitmap of the 2020 live-migration series. One bit a gfn, 1 = encrypted.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface MigrationOps {
  /**
   * The guest reports pages as encrypted or not ({@code page_enc_status_hc}). Locks: vCPU mutex;
   * takes the kvm lock. Kernel default: ENOSYS (KVM_ENOSYS in rax). Source: review of "KVM: x86:
   * Introduce KVM_PAGE_ENC_BITMAP_RESET ioctl" v6, 10 April 2020.
   */
  default Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    return Errno.ENOSYS;
  }

  /**
   * KVM_GET_PAGE_ENC_BITMAP. Locks: takes the kvm lock. Kernel default: ENOTTY.
   *
   * @param into bit i is gfn {@code startGfn + i}; has room for {@code npages} bits
   */
  default Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    return Errno.ENOTTY;
  }

  /** KVM_SET_PAGE_ENC_BITMAP; as {@link #getPageEncBitmap}. */
  default Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    return Errno.ENOTTY;
  }

  /** KVM_PAGE_ENC_BITMAP_RESET: all pages encrypted, as at reboot. Kernel default: ENOTTY. */
  default Errno resetPageEncBitmap() {
    return Errno.ENOTTY;
  }
}
