package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import org.apiguardian.api.API;

/**
 * KVM_MEMORY_ENCRYPT_OP and its friends.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface EncryptionOps {
  /**
   * Carries out KVM_MEMORY_ENCRYPT_OP on the VM ({@code mem_enc_ioctl}). The command's name is the
   * id: {@code KVM_TDX_INIT_VM}, {@code KVM_SEV_LAUNCH_START}.
   *
   * <p>Locks: none; the vendor takes the kvm lock as its kernel code does. Kernel default: ENOTTY
   * (no such op). Source: {@code x86.c}, kvm_arch_vm_ioctl.
   *
   * @return at least 0, or a negative errno
   */
  default long memEncIoctl(VendorCommand command) {
    return -Errno.ENOTTY.number();
  }

  /** Carries out KVM_MEMORY_ENCRYPT_OP on a vCPU ({@code vcpu_mem_enc_ioctl}); vCPU mutex held. */
  default long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    return -Errno.ENOTTY.number();
  }

  /**
   * KVM_MEMORY_ENCRYPT_REG_REGION ({@code mem_enc_register_region}). Locks: none. Kernel default:
   * ENOTTY.
   *
   * @param addr user address in bytes
   * @param size bytes
   */
  default Errno memEncRegisterRegion(long addr, long size) {
    return Errno.ENOTTY;
  }

  /** KVM_MEMORY_ENCRYPT_UNREG_REGION; as {@link #memEncRegisterRegion}. */
  default Errno memEncUnregisterRegion(long addr, long size) {
    return Errno.ENOTTY;
  }

  /**
   * KVM_CAP_VM_COPY_ENC_CONTEXT_FROM ({@code vm_copy_enc_context_from}). Locks: none. Kernel
   * default: EINVAL.
   *
   * @param source the other VM's vendor half; maybe another backend's
   */
  default Errno vmCopyEncContextFrom(VmOps source) {
    return Errno.EINVAL;
  }

  /** KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM; as {@link #vmCopyEncContextFrom}. */
  default Errno vmMoveEncContextFrom(VmOps source) {
    return Errno.EINVAL;
  }
}
