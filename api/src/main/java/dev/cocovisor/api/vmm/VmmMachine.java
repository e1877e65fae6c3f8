package dev.cocovisor.api.vmm;

import dev.cocovisor.api.Fields;
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

  /** Returns what the driver keeps, or null. */
  public @Nullable Object state() {
    return state;
  }

  /** Keeps an object for the driver. */
  public void setState(@Nullable Object kept) {
    state = kept;
  }
}
