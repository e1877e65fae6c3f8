package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mm.AddressLimits;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.core.vm.Vm;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The file behind KVM_GET_STATS_FD, of a VM or one of its vCPUs; it holds the VM, and is read only.
 *
 * <p>What the model counts are pages by size and whether a vCPU is in a nested guest; everything
 * else reads as 0. Source: {@code virt/kvm/kvm_main.c} (7.3), kvm_vm_ioctl_get_stats_fd,
 * kvm_vcpu_ioctl_get_stats_fd; {@code binary_stats.c}, kvm_stats_read.
 */
final class StatsFile {
  private final Vm vm;
  private final @Nullable Vcpu vcpu;
  private final AddressLimits limits;
  private long position;

  /**
   * Opens the statistics of a VM, or of a vCPU of it.
   *
   * @param vm the VM, which the caller has taken a reference of
   * @param vcpu null for those of the VM
   * @param limits of the address spaces that are read into
   */
  StatsFile(Vm vm, @Nullable Vcpu vcpu, AddressLimits limits) {
    this.vm = vm;
    this.vcpu = vcpu;
    this.limits = limits;
  }

  /** Returns whose statistics it holds, or whose vCPU's. */
  Vm vm() {
    return vm;
  }

  private byte[] content() {
    boolean x86 = vm.host().architecture().equals(Architecture.X86_64);
    Vcpu v = vcpu;
    // The name has the process's id in it, and a process of the model has none.
    return v == null
        ? (x86 ? StatsLayout.X86_VM : StatsLayout.ARM64_VM).bytes("kvm-1", this::ofVm)
        : (x86 ? StatsLayout.X86_VCPU : StatsLayout.ARM64_VCPU)
            .bytes(
                "kvm-1/vcpu-" + v.id(),
                name -> name.equals("guest_mode") && v.inGuestMode() ? 1 : 0);
  }

  private long ofVm(String name) {
    return switch (name) {
      case "pages_4k" -> vm.mappedPages(1);
      case "pages_2m" -> vm.mappedPages(2);
      case "pages_1g" -> vm.mappedPages(3);
      default -> 0;
    };
  }

  /**
   * Reads, as pread64 does: the kernel asks first whether a buffer so large can be a program's
   * ({@code fs/read_write.c}, vfs_read: access_ok). A log does not say where the buffer is.
   *
   * @param into takes what was read
   * @return how many bytes, 0 behind the end
   */
  long read(long count, long offset, Consumer<byte[]> into) {
    if (!limits.accessOk(0, count)) {
      return -Errno.EFAULT.number();
    }
    byte[] all = content();
    if (offset >= all.length) {
      return 0;
    }
    int from = (int) offset;
    int n = (int) Math.min(count, all.length - from);
    into.accept(Arrays.copyOfRange(all, from, from + n));
    return n;
  }

  /** Reads from where the last read ended, as read does. */
  long read(long count, Consumer<byte[]> into) {
    long r = read(count, position, into);
    position += Math.max(r, 0);
    return r;
  }
}
