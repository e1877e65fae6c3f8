package dev.cocovisor.api.vmm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.uapi.MemoryAttributes;
import java.util.ArrayList;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * What a VMM knows of one VM it runs. Filled by the scenario's runner in the order of a launch; a
 * driver reads it and may keep state of its own in {@link #setState}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class VmmMachine {
  private final VmmCalls calls;
  private final Fields policy;
  private final int vmFd;
  private final List<Integer> vcpuFds = new ArrayList<>();
  private final List<VmmBank> banks = new ArrayList<>();
  private final long[] errorOffset = new long[1];
  private @Nullable Object state;

  /**
   * A VM that has just been created.
   *
   * @param policy what the scenario's launch asks for, by names the driver documents
   */
  public VmmMachine(VmmCalls calls, int vmFd, Fields policy) {
    this.calls = calls;
    this.vmFd = vmFd;
    this.policy = policy;
  }

  /** Returns the process's system calls. */
  public VmmCalls calls() {
    return calls;
  }

  /** Returns the VM's descriptor. */
  public int vmFd() {
    return vmFd;
  }

  /** Returns what the launch asks for. */
  public Fields policy() {
    return policy;
  }

  /** Returns the vCPUs' descriptors by index; a live view. */
  public List<Integer> vcpuFds() {
    return vcpuFds;
  }

  /**
   * Returns the descriptor of the first vCPU, which a VMM populates and starts with.
   *
   * @throws IllegalArgumentException if the VM has none
   */
  public int bootVcpu() {
    if (vcpuFds.isEmpty()) {
      throw new IllegalArgumentException("the guest has no vCPU, and this takes one");
    }
    return vcpuFds.getFirst();
  }

  /** Returns the pieces of RAM in the order they were plugged; a live view. */
  public List<VmmBank> banks() {
    return banks;
  }

  /** Returns the piece of RAM that holds a range, or null. */
  public @Nullable VmmBank bankOf(long gpa, long size) {
    for (VmmBank b : banks) {
      if (b.holds(gpa, size)) {
        return b;
      }
    }
    return null;
  }

  /** Tells whether guest_memfds keep the attributes, so that pages are converted in place. */
  public boolean convertsInPlace() {
    int cap = Capability.KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES.number();
    long answer = calls.checkExtension(vmFd, cap); // EIO of a VM that is dead
    return answer > 0 && (answer & MemoryAttributes.PRIVATE) != 0;
  }

  /**
   * Converts a range in place, file by file; EINVAL where part of it is not a guest_memfd's.
   *
   * @return 0, or the first error: what came before it is converted
   */
  public long convertInPlace(long gpa, long size, long attributes) {
    for (long at = gpa; at < gpa + size; ) {
      VmmBank bank = bankOf(at, 1);
      if (bank == null || bank.guestMemfd() < 0) {
        return -Errno.EINVAL.number();
      }
      long end = Math.min(gpa + size, bank.gpa() + bank.size());
      long ret =
          calls.setMemoryAttributes2(
              bank.guestMemfd(), at - bank.gpa(), end - at, attributes, 0, errorOffset);
      if (ret < 0) {
        return ret;
      }
      at = end;
    }
    return 0;
  }

  /** Returns the offset that the last failed conversion in place was about. */
  public long errorOffset() {
    return errorOffset[0];
  }

  /** Returns what the driver keeps, or null. */
  public @Nullable Object state() {
    return state;
  }

  /** Keeps an object for the driver. */
  public void setState(@Nullable Object kept) {
    state = kept;
  }
}
